"""Which commit of the code runs, for MLflow alone."""

import subprocess


def describe() -> str:
    """The commit, with '-dirty' where files differ from it; 'unknown' outside Git."""
    try:
        return subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"], capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
