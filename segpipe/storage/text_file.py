"""Text files in UTF-8, with or without a byte order mark."""

from pathlib import Path

from segpipe.errors import PipelineError


def read_text(path: Path, remedy: str = "Save it as UTF-8.", name: str = "") -> str:
    """The file's text without the mark. Raises PipelineError where it is not UTF-8; `name` is what the error calls the file."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise PipelineError(f"{name or path}: not UTF-8 text. {remedy}") from None
