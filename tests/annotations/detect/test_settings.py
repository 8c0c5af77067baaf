"""What params.yaml is told about a folder: the source's block, and a crop and folds that fit."""

from dataclasses import replace
from pathlib import Path

import pytest

from segpipe.annotations.class_names import Classes
from segpipe.annotations.detect.inspect import Inspection
from segpipe.annotations.detect.layout import Layout
from segpipe.annotations.detect.settings import data_settings, fold_settings
from tests import plain_params

SPLIT = plain_params.PARAMS.split


def seen(layout: Layout | None = None, *sizes: tuple[int, int], **given: int) -> Inspection:
    return Inspection(
        root=Path("x"),
        layout=layout or Layout("labelme"),
        classes=Classes(("sky", "road"), 11, "classes.txt"),
        n_images=10,
        unannotated=(),
        sizes=tuple((size, 1) for size in sizes),
        depths=(((3, 8), 10),),
        given=tuple(given.items()),
        values=(),
        problems=(),
    )


def test_each_source_has_its_block() -> None:
    assert data_settings(seen(Layout("labelme")), "data/source") == {
        "data.source": "labelme",
        "data.path": "data/source",
        "data.labelme.classes": ("sky", "road"),
    }
    assert data_settings(seen(Layout("voc")), "/voc.tar") == {
        "data.source": "voc",
        "data.path": "/voc.tar",
        "data.voc.classes": ("sky", "road"),
    }
    assert data_settings(seen(Layout("masks", "Img", "GT")), "/x") == {
        "data.source": "masks",
        "data.path": "/x",
        "data.masks.classes": ("sky", "road"),
        "data.masks.image_dir": "Img",
        "data.masks.mask_dir": "GT",
        "data.masks.template": "{stem}",
        "data.masks.pairs": "none",
        "data.masks.values": "ids",
        "data.masks.ignore_index": 11,
        "data.masks.palette": "indices",
    }
    in_colours = Classes(("sky", "road"), 255, "the colours", values="codes", codes=("0 0 0", "255 0 0"))
    settings = data_settings(replace(seen(Layout("masks", ".", ".", "{stem}_L")), classes=in_colours), "/x")
    assert (settings["data.masks.values"], settings["data.masks.codes"]) == ("codes", ("0 0 0", "255 0 0"))
    assert settings["data.masks.template"] == "{stem}_L"


@pytest.mark.parametrize(
    ("n_groups", "given", "folds", "settings"),
    [
        (100, {}, [0], {}),
        (6, {}, [0], {}),  # 1 for the test part, 5 for 5 folds
        (5, {}, [0], {"split.n_folds": 4}),
        (3, {}, [0, 4], {"split.n_folds": 3, "folds": [0]}),
        (2, {}, [0], {"split.n_folds": 2}),
        (3, {"train": 3, "test": 5}, [3, 4], {"split.n_folds": 3, "folds": [0]}),
        (6, {"train": 3, "val": 3, "test": 2}, [0], {}),
        (6, {"train": 3, "val": 3, "test": 2}, [0, 1], {"folds": [0]}),
        (100, {"train": 50, "val": 50}, [1], {"folds": [0]}),
    ],
)
def test_there_are_no_more_folds_than_groups(n_groups: int, given: dict[str, int], folds: list[int], settings: object) -> None:
    assert fold_settings(seen(None, **given), n_groups, SPLIT, folds, pinned=min(given.get("val", 0), n_groups - 1)) == settings


def test_a_test_part_that_would_leave_too_little_becomes_smaller() -> None:
    """By the number of groups: 3 with a share of 0.7 leave 1; 3 of which 2 are validated must keep all three."""
    large = SPLIT.model_copy(update={"test_share": 0.7})
    assert fold_settings(seen(), 3, large, [0]) == {"split.test_share": 0.33, "split.n_folds": 3}
    assert fold_settings(seen(None, train=1, val=2), 3, large, [0], pinned=2) == {"split.test_share": 0.0}
    assert fold_settings(seen(), 2, SPLIT, [0]) == {"split.n_folds": 2}


def test_a_validation_share_is_one_fold() -> None:
    shared = SPLIT.model_copy(update={"val_share": 0.3})
    assert fold_settings(seen(), 50, shared, [2]) == {"folds": [0]}
