"""What holds for every test: threads that get along with each other, and no telemetry."""

import os

from segpipe.command import ENVIRONMENT

for name, value in ENVIRONMENT.items():
    os.environ.setdefault(name, value)
