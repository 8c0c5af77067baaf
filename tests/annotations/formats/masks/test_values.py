"""Masks of one object saved in many ways, with slips of the pencil: read right or refused, never ignored in silence."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from segpipe.annotations.detect import settings as first_settings
from segpipe.annotations.detect.inspect import inspect_folder
from tests.annotations.data_params import data_params
from tests.annotations.formats.masks.folders import errors, examined, masks_of, photo, save, with_settings

SIDE = 24
MODES = ("L", "1", "RGB", "RGBA", "P")


def truth(seed: int) -> np.ndarray:
    """(SIDE, SIDE): 1 in a square, 0 elsewhere."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    y, x = np.random.default_rng(seed).integers(1, SIDE - 14, 2)
    mask[y : y + 13, x : x + 13] = 1
    return mask


def saved(path: Path, mask: np.ndarray, white: int, mode: str) -> None:
    """The mask as a file of this mode; of two values only where the mode has no more."""
    values = (mask * white).astype(np.uint8) if mask.max() <= 1 else mask
    picture = Image.fromarray(values)
    save(path, picture.convert(mode) if mode != "P" else picture.convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE))


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_an_object_is_read_as_one_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    root = tmp_path_factory.mktemp("x")
    n_masks = data.draw(st.integers(4, 9))
    white = data.draw(st.sampled_from([255, 255, 128, 200]))
    modes = MODES if white == 255 else ("L", "RGB")
    stray = data.draw(st.sampled_from([0, 0, 1, 2, 7, 129, 254]))
    strays = data.draw(st.sampled_from([1, 1, 2, 6])) if stray else 0
    holder = data.draw(st.integers(0, n_masks - 1))
    for at in range(n_masks):
        photo(root / f"images/{at}.png", SIDE, SIDE)
        mask = truth(at)
        if at == holder and strays:
            mask = mask * white
            mask[0, :strays] = stray
        mode = "L" if at in (holder, holder - 1) and strays else data.draw(st.sampled_from(modes))
        saved(root / f"masks/{at}.png", mask, white, mode)
    if data.draw(st.booleans()):
        (root / "classes.txt").write_text(data.draw(st.sampled_from(["tumour\n", "background\ntumour\n", "BG\ntumour\n"])))
    found = inspect_folder(root, data_params(root, "masks"))
    examination = examined(with_settings(root, first_settings.data_settings(found, root.as_posix())), root.parent)
    wrong = [*errors(examination), *(problem for problem in found.problems if not problem.warning)]
    assert bool(wrong) == bool(strays), wrong
    if strays == 1:
        assert {problem.file for problem in wrong} == {f"masks/{holder}.png"}, "more than one in 200 could be a class"
    if not wrong:
        assert masks_of(examination) == {f"{at}": truth(at).tolist() for at in range(n_masks)}


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_one_mask_in_black_and_white_among_ids_is_named(tmp_path: Path, mode: str) -> None:
    root = tmp_path / "x"
    for at in range(6):
        photo(root / f"images/{at}.png", SIDE, SIDE)
        ids = truth(at) * (1 + at % 3)
        saved(root / f"masks/{at}.png", truth(at) if at == 3 else ids, 255 if at == 3 else 1, mode if at == 3 else "L")
    found = inspect_folder(root, data_params(root, "masks"))
    examination = examined(with_settings(root, first_settings.data_settings(found, root.as_posix())), tmp_path)
    assert [(each.file, each.problem) for each in errors(examination)] == [
        ("masks/3.png", "nearly all that is not the first class is 255, the ignored value, while other masks hold objects")
    ]
