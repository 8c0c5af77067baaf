"""Stage code: what the code of each stage says, in code.json; DVC runs it when a file of code changes, and others by it."""

from pathlib import Path

from segpipe.console import command

CODE = Path("code.json")


def main() -> None:
    """Writes code.json: a hash of the code of each stage, model and loss, comments left out."""
    from segpipe.reproducibility import code_hash
    from segpipe.storage import files

    files.write_json(CODE, code_hash.code_hashes(Path()))
    command.done(CODE.as_posix(), "dvc repro")


if __name__ == "__main__":
    command.run(main)
