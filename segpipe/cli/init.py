"""segpipe init: looks at a folder of annotated images, brings it in, and writes what belongs to it into params.yaml."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from segpipe import command
from segpipe.errors import PipelineError

if TYPE_CHECKING:
    from segpipe.annotations.look import Look
    from segpipe.params import Params
    from segpipe.params_file import Value

PARAMS = Path("params.yaml")
Kind = Literal["labelme", "masks", "voc"]


def init(
    path: Annotated[str, typer.Argument(help="A folder, a tar or zip, or an address with --sha256.", show_default=False)],
    in_place: Annotated[bool, typer.Option("--in-place", help="Leave the data where it is; use its absolute path.")] = False,
    sha256: Annotated[str | None, typer.Option(help="The archive's SHA-256, in hexadecimal.")] = None,
    kind: Annotated[Kind | None, typer.Option(help="Decides where several layouts fit.")] = None,
    image_dir: Annotated[str, typer.Option(help="The folder name of images (masks).")] = "",
    mask_dir: Annotated[str, typer.Option(help="The folder name of masks (masks).")] = "",
) -> None:
    """Looks at annotated images (labelme, masks or VOC), brings them to data/source under DVC, and sets params.yaml."""
    if not Path(".dvc").is_dir():
        raise PipelineError(f".dvc: not in {Path.cwd()}. Run this in the project's root, where params.yaml and .dvc are.")

    from segpipe import ingest, params, params_file
    from segpipe.annotations import summary
    from segpipe.annotations.doctor import refuse
    from segpipe.annotations.look import look

    every = params.load(PARAMS)
    with ingest.opened(path, sha256) as folder:
        where = ingest.data_path(folder, path, in_place)
        seen = look(folder, every.data, kind, image_dir, mask_dir)
        print("\n".join(summary.lines(seen, every.data.unannotated)))
        refuse(seen.problems)
        brought = where == ingest.SOURCE.as_posix()
        if brought:
            ingest.bring(folder)
    changes = params_file.write(PARAMS, _settings(seen, every, where))
    print("\n".join(map(str, changes)) or "params.yaml fits already")
    tracked = ["params.yaml", "data/source.dvc"] if brought else ["params.yaml"]
    command.done(", ".join(tracked), f"{_git_add(tracked)}dvc repro")


def _settings(seen: "Look", every: "Params", where: str) -> "dict[str, Value]":
    """What params.yaml must say: the data, and what its sizes and number ask for."""
    from segpipe.annotations import settings

    stride = 2**every.model.depth if every.model.name == "unet" else 32
    without = 0 if every.data.unannotated == "background" else len(seen.unannotated)
    return {
        **settings.of_data(seen, where),
        **settings.of_crop(seen, every.input.crop, stride),
        **settings.of_folds(seen, seen.n_images - without, every.split, every.folds),
    }


def _git_add(files: list[str]) -> str:
    """The command that keeps these files, where the project is in a Git repository."""
    here = Path.cwd()
    in_git = any((folder / ".git").exists() for folder in (here, *here.parents))
    return f"git add {' '.join(files)}, then " if in_git else ""
