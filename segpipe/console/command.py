"""How every command starts and ends: no telemetry, one clear sentence for a mistake, exit code 2."""

import errno
import os
import sys
from collections.abc import Callable
from typing import Any

import typer

from segpipe.console import parent_watch
from segpipe.errors import PipelineError, plain

ENVIRONMENT = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    # Waiting threads spin for some 10 microseconds and then sleep: without spinning a step takes a quarter longer on an idle
    # machine, with libgomp's own 3 ms two trainings at once take many times as long (bench/training_step.py). No bit changes.
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "1000",
}
"""Set where the user has not: telemetry off, what CUDA needs to repeat itself, and threads that get along."""


DISK = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS}
"""What the user's disk refuses is no mistake of ours: a sentence serves better than a traceback."""


def run(command: Callable[..., Any]) -> None:
    """Runs a function as a typer command; see `run_app`."""
    app = new_app()
    app.command(help=command.__doc__)(command)
    run_app(app)


def new_app() -> typer.Typer:
    """A typer app whose tracebacks are Python's own: typer's would bury the sentence."""
    return typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=False)


def run_app(app: typer.Typer) -> None:
    """Runs the app and exits: 0 when it worked, 2 after a PipelineError, 130 after Ctrl-C."""
    set_environment()
    parent_watch.end_with_dvc()
    try:
        app()
    except PipelineError as error:
        # So that in a pipe, too, the error comes after what was printed before it.
        sys.stdout.flush()
        for line in str(error).splitlines():
            print(f"error: {plain(line)}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if error.errno not in DISK:
            raise
        where = error.filename or "a file"
        print(f"error: {where}: {error.strerror}. Free space or mend the rights, then run this again.", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def set_environment() -> None:
    """Sets `ENVIRONMENT` where the user has not; best before torch is imported, of which some read it once."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def done(result: str, following: str) -> None:
    """A command's last two lines: where the result is, and what to run next."""
    print(f"result: {result}\nnext:   {following}", flush=True)
