"""DVC as a child of this process: it ends with whoever started it, so that a killed study leaves no experiment running."""

import signal
import sys

from segpipe.console import parent_watch


def main() -> int:
    """Runs DVC with the arguments after the first, which is the number of the process to end with; returns its exit code."""
    parent_watch.end_with(int(sys.argv[1]))
    # The study asks it to stop by SIGINT, which a process that nohup or a script's & started ignores, and so do its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from dvc.cli import main as dvc

    return int(dvc(sys.argv[2:]))


if __name__ == "__main__":
    sys.exit(main())
