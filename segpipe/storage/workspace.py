"""Where things live that DVC must not delete: under the main repository, also in a temporary workspace."""

import os
from pathlib import Path

AFRESH = "SEGPIPE_EXAMINE_AFRESH"
"""The variable of the environment that, set to anything, lets every command examine all files again."""
STUDY = "SEGPIPE_STUDY"
"""The variable that names the study whose arm a stage runs for."""


def main_root() -> Path:
    """The main repository: DVC_ROOT says so in a stage; else the nearest parent with .dvc, else this folder."""
    if "DVC_ROOT" in os.environ:
        return Path(os.environ["DVC_ROOT"])
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / ".dvc").is_dir()), here)


def partial_downloads() -> Path:
    """Half-finished downloads, kept so that the next run goes on with them."""
    return main_root() / ".resume" / "download"


def decoded_images() -> Path:
    """Where each running training keeps a file of decoded images, which is gone when it ends."""
    return main_root() / ".resume" / "decoded"


def examined() -> Path | None:
    """What was examined of images and annotations, for the next command. None outside a project, and where AFRESH is set."""
    root = main_root()
    return root / ".resume" / "examined.sqlite" if (root / ".dvc").is_dir() and not os.environ.get(AFRESH) else None
