"""What params.yaml is told about a folder: the source's block, and a crop and folds that fit."""

from dataclasses import replace
from pathlib import Path

import pytest

from segpipe import params
from segpipe.annotations.first_look.class_names import Classes
from segpipe.annotations.first_look.layout import Layout
from segpipe.annotations.first_look.look import Look
from segpipe.annotations.first_look.settings import of_data, of_folds

SPLIT = params.load(Path(__file__).parents[3] / "params.yaml").split


def seen(layout: Layout | None = None, *sizes: tuple[int, int], **given: int) -> Look:
    return Look(
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
    assert of_data(seen(Layout("labelme")), "data/source") == {
        "data.source": "labelme",
        "data.path": "data/source",
        "data.labelme.classes": ("sky", "road"),
    }
    assert of_data(seen(Layout("voc")), "/voc.tar") == {
        "data.source": "voc",
        "data.path": "/voc.tar",
        "data.voc.classes": ("sky", "road"),
    }
    assert of_data(seen(Layout("masks", "Img", "GT")), "/x") == {
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
    settings = of_data(replace(seen(Layout("masks", ".", ".", "{stem}_L")), classes=in_colours), "/x")
    assert (settings["data.masks.values"], settings["data.masks.codes"]) == ("codes", ("0 0 0", "255 0 0"))
    assert settings["data.masks.template"] == "{stem}_L"


@pytest.mark.parametrize(
    ("n_images", "given", "folds", "settings"),
    [
        (100, {}, [0], {}),
        (6, {}, [0], {}),  # 1 for the test part, 5 for 5 folds
        (5, {}, [0], {"split.n_folds": 4}),
        (3, {}, [0, 4], {"split.n_folds": 3, "folds": [0]}),
        (1, {}, [0], {"split.n_folds": 2}),
        (8, {"train": 3, "test": 5}, [3, 4], {"split.n_folds": 3, "folds": [0]}),
        (8, {"train": 3, "val": 3, "test": 2}, [0], {}),
        (8, {"train": 3, "val": 3, "test": 2}, [0, 1], {"folds": [0]}),
        (100, {"train": 50, "val": 50}, [1], {"folds": [0]}),
    ],
)
def test_there_are_no_more_folds_than_images(n_images: int, given: dict[str, int], folds: list[int], settings: object) -> None:
    assert of_folds(seen(None, **given), n_images, SPLIT, folds) == settings
