"""Stage code: what the code of each stage says, in code.json; DVC runs it when a file of code changes, and others by it."""

from segpipe import paths
from segpipe.console import command


def main() -> None:
    """Writes code.json: a hash of the code of each stage, model and loss, comments left out."""
    from segpipe.reproducibility import code_hash
    from segpipe.storage import files

    files.write_json(paths.CODE, code_hash.code_hashes(code_hash.ROOTS))
    command.done(paths.CODE.as_posix(), "dvc repro")


if __name__ == "__main__":
    command.run(main)
