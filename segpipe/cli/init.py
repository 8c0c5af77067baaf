"""segpipe init: looks at a folder of annotated images, brings it in, and writes what belongs to it into params.yaml."""

from collections.abc import Iterator
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
    from segpipe.annotations.doctor import refuse
    from segpipe.annotations.look import look

    every = params.load(PARAMS)
    with ingest.opened(path, sha256) as folder:
        seen = look(folder, kind, image_dir, mask_dir)
        print("\n".join(_summary(seen, every)))
        refuse(seen.problems)
        where = ingest.in_place(folder, path) if in_place else ingest.bring(folder)
    changes = params_file.write(PARAMS, _settings(seen, every, where))
    print("\n".join(map(str, changes)) or "params.yaml fits already")
    tracked = ["params.yaml"] if where != ingest.SOURCE.as_posix() else ["params.yaml", "data/source.dvc"]
    command.done(", ".join(tracked), f"{_git_add(tracked)}dvc repro")


def _summary(seen: "Look", every: "Params") -> Iterator[str]:
    """What was found, for people, a line each."""
    yield f"{seen.root}: {seen.layout}"
    what = "JSON file" if seen.layout.kind == "labelme" else "mask"
    yield _line("images", f"{seen.n_images}, {len(seen.unannotated) or 'none'} without a {what}")
    if seen.unannotated:
        yield _line("", _rule(seen, every))
    yield _line("sizes", _sizes(seen))
    kinds = [f"{'gray' if channels == 1 else 'RGB'} of {bits} bits ({count})" for (channels, bits), count in seen.depths]
    yield _line("pixels", ", ".join(kinds))
    yield _line("classes", f"{len(seen.classes.names)}, from {seen.classes.origin}: {_classes(seen)}")
    if seen.layout.kind != "labelme":
        yield _line("ignored", f"{seen.classes.ignore_index} in the masks ({_images_with(seen, str(seen.classes.ignore_index))})")
    split = ", ".join(f"{part or 'in no part'} {count}" for part, count in seen.given)
    yield _line("split", "none given; the pipeline makes one" if dict(seen.given).keys() <= {""} else f"{split}, as given")


def _line(name: str, text: str) -> str:
    return f"  {name:<9}{text}"


def _rule(seen: "Look", every: "Params") -> str:
    """What becomes of images without annotation, and which key decides."""
    block = every.data.masks if seen.layout.kind == "masks" else every.data.labelme
    becomes = {"error": "`dvc repro` stops at them", "skip": "they are left out", "background": "they count as empty"}
    more = " ..." if len(seen.unannotated) > 3 else ""
    return (
        f"{', '.join(seen.unannotated[:3])}{more}: {becomes[block.unannotated]}, since data.{seen.layout.kind}.unannotated "
        f"is {block.unannotated} (error | skip: left out | background: no object in them)"
    )


def _sizes(seen: "Look") -> str:
    """The most common size, the smallest and the largest."""
    if len(seen.sizes) < 2:
        return ", ".join(f"{width} x {height}" for (width, height), _ in seen.sizes)
    ordered = sorted((size for size, _ in seen.sizes), key=lambda size: (size[0] * size[1], size))
    (width, height), count = seen.sizes[0]
    smallest, largest = (f"{size[0]} x {size[1]}" for size in (ordered[0], ordered[-1]))
    return f"{smallest} to {largest}, most often {width} x {height} ({count})"


def _classes(seen: "Look") -> str:
    """Each class with the number of images that hold it; background of labelme is wherever nothing is drawn."""
    keys = seen.classes.names if seen.layout.kind == "labelme" else [str(value) for value in range(len(seen.classes.names))]
    named = [f"{name} ({_images_with(seen, key)})" for name, key in zip(seen.classes.names, keys, strict=True)]
    if seen.layout.kind == "labelme":
        named[0] = seen.classes.names[0]
    return ", ".join(named)


def _images_with(seen: "Look", value: str) -> str:
    return f"in {dict(seen.values).get(value, 'none')}"


def _settings(seen: "Look", every: "Params", where: str) -> "dict[str, Value]":
    """What params.yaml must say: the data, and what its sizes and number ask for."""
    from segpipe.annotations import settings

    stride = 2**every.model.depth if every.model.name == "unet" else 32
    rule = {"masks": every.data.masks.unannotated, "labelme": every.data.labelme.unannotated}.get(seen.layout.kind)
    n_images = seen.n_images if rule == "background" else seen.n_images - len(seen.unannotated)
    return {
        **settings.of_data(seen, where),
        **settings.of_crop(seen, every.input.crop, stride),
        **settings.of_folds(seen, n_images, every.split, every.folds),
    }


def _git_add(files: list[str]) -> str:
    """The command that keeps these files, where the project is in a Git repository."""
    here = Path.cwd()
    in_git = any((folder / ".git").exists() for folder in (here, *here.parents))
    return f"git add {' '.join(files)}, then " if in_git else ""
