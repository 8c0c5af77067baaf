"""What holds for every test: threads that get along with each other, no telemetry, the same examples each time."""

import os

from hypothesis import settings

from segpipe.command import ENVIRONMENT

for name, value in ENVIRONMENT.items():
    os.environ.setdefault(name, value)

# A loaded machine is slow and not wrong, and a test that fails today must fail tomorrow.
settings.register_profile("segpipe", deadline=None, derandomize=True, database=None)
settings.load_profile("segpipe")
