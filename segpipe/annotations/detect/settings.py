"""The keys of params.yaml for a folder that was inspected, by dotted key."""

from collections.abc import Sequence
from fractions import Fraction

from segpipe.annotations.detect.inspect import Inspection
from segpipe.params.schema import SplitParams

Settings = dict[str, str | int | float | Sequence[str] | Sequence[int]]


def data_settings(inspection: Inspection, path: str) -> Settings:
    """The source, where it lies, the table of groups where there is one, and the source's own block."""
    kind = inspection.layout.kind
    settings: Settings = {"data.source": kind, "data.path": path}
    settings |= {"data.groups": inspection.groups} if inspection.groups != "none" else {}
    settings |= inspection.suggested_keys
    settings[f"data.{kind}.classes"] = inspection.classes.names
    if kind == "masks":
        settings |= {
            f"data.masks.{key}": getattr(inspection.layout, key) for key in ("image_dir", "mask_dir", "template", "pairs")
        }
        classes = inspection.classes
        settings |= {"data.masks.values": classes.values, "data.masks.ignore_index": classes.ignore_index}
        settings |= {"data.masks.palette": classes.palette}
        settings |= {"data.masks.codes": inspection.classes.codes} if inspection.classes.codes else {}
    return settings


def fold_settings(inspection: Inspection, n_groups: int, split: SplitParams, folds: Sequence[int], pinned: int = 0) -> Settings:
    """Folds and a test part that `n_groups` groups of images fill; a validation list is fold 0, the only one.

    The groups are those outside a given test list, two at least; `pinned` of them hold images of a validation list.
    """
    given = dict(inspection.given)
    share = Fraction(0) if "test" in given else Fraction(repr(split.test_share))
    needed = pinned + 1 if "val" in given else 2
    settings: Settings = {}
    if n_groups - int(n_groups * share) < needed <= n_groups:
        # Rounded down, so that what is left is enough.
        share = Fraction(int(100 * Fraction(n_groups - needed, n_groups)), 100)
        settings["split.test_share"] = float(share)
    n_folds = split.n_folds
    if "val" in given:
        existing: Sequence[int] = [0]
    else:
        n_folds = max(2, min(n_folds, n_groups - int(n_groups * share)))
        existing = [0] if split.val_share else range(n_folds)
    kept = [fold for fold in folds if fold in existing] or [0]
    settings |= {"split.n_folds": n_folds} if n_folds != split.n_folds else {}
    return settings | ({"folds": kept} if kept != list(folds) else {})
