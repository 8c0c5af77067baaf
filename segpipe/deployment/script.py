"""models/export/predict.py: a script that predicts with the exported model where there is no segpipe."""

from pathlib import Path

SCRIPT = Path(__file__).parent / "templates" / "predict.py"


def content() -> bytes:
    """The script's bytes, as they stand in its template."""
    return SCRIPT.read_bytes()
