"""What params.yaml must say for a folder that was looked at, by dotted key."""

from collections.abc import Sequence

from segpipe.annotations.first_look.look import Look
from segpipe.params import SplitParams

Settings = dict[str, str | int | Sequence[str] | Sequence[int]]


def of_data(look: Look, path: str) -> Settings:
    """The source, where it lies, the table of groups where there is one, and the source's own block."""
    kind = look.layout.kind
    settings: Settings = {"data.source": kind, "data.path": path}
    settings |= {"data.groups": look.groups} if look.groups != "none" else {}
    settings[f"data.{kind}.classes"] = look.classes.names
    if kind == "masks":
        settings |= {f"data.masks.{key}": getattr(look.layout, key) for key in ("image_dir", "mask_dir", "template", "pairs")}
        classes = look.classes
        settings |= {"data.masks.values": classes.values, "data.masks.ignore_index": classes.ignore_index}
        settings |= {"data.masks.palette": classes.palette}
        settings |= {"data.masks.codes": look.classes.codes} if look.classes.codes else {}
    return settings


def of_folds(look: Look, n_images: int, split: SplitParams, folds: Sequence[int]) -> Settings:
    """Fewer folds where there are fewer of the `n_images` than folds left to deal out, and a validation list is fold 0."""
    given = dict(look.given)
    n_folds = split.n_folds
    if "val" in given:
        existing: Sequence[int] = [0]
    else:
        left = n_images - given.get("test", int(n_images * split.test_share))
        n_folds = max(2, min(n_folds, left))
        existing = range(n_folds)
    kept = [fold for fold in folds if fold in existing] or [0]
    settings: Settings = {"split.n_folds": n_folds} if n_folds != split.n_folds else {}
    return settings | ({"folds": kept} if kept != list(folds) else {})
