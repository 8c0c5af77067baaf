"""Stage code: what the code of each stage says, in code.json; DVC runs it when a file of code changes, and others by it."""

from pathlib import Path

from segpipe import command

CODE = Path("code.json")


def main() -> None:
    """Writes code.json: a hash of the code of each stage, model and loss, comments left out."""
    from segpipe import closure, files

    files.write_json(CODE, closure.code_hashes(Path()))
    command.done(CODE.as_posix(), "dvc repro")


if __name__ == "__main__":
    command.run(main)
