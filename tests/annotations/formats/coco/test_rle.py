"""COCO's run lengths: by hand, against a slow reading bit by bit, and what is no mask."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from segpipe.annotations.formats.coco.rle import RunError, decode, decompress

MASKS = arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=40), elements=st.integers(0, 1))


def runs_of(mask: np.ndarray) -> list[int]:
    """Lengths of the runs down the columns, the first of zeros, pixel by pixel."""
    runs, value = [0], 0
    for pixel in mask.T.reshape(-1).tolist():
        if pixel != value:
            runs.append(0)
            value = pixel
        runs[-1] += 1
    return runs


def packed(runs: list[int]) -> str:
    """The text that stands for these runs, number by number."""
    text = ""
    for at, run in enumerate(runs):
        number = run - runs[at - 2] if at > 2 else run
        more = True
        while more:
            bits = number & 31
            number >>= 5
            more = number != (-1 if bits & 16 else 0)
            text += chr(48 + (bits | 32 if more else bits))
    return text


def slowly_unpacked(text: str) -> list[int]:
    """Each number as a string of bits in two's complement, its groups of five turned around."""
    runs: list[int] = []
    groups: list[str] = []
    for character in text:
        code = f"{ord(character) - 48:06b}"
        groups.insert(0, code[1:])
        if code[0] == "0":
            bits = "".join(groups)
            runs.append(int(bits, 2) - (int(bits[0]) << len(bits)))
            groups = []
    for at in range(3, len(runs)):
        runs[at] += runs[at - 2]
    return runs


def reason(counts: Any, height: int = 4, width: int = 3) -> str:
    with pytest.raises(RunError) as caught:
        decode(counts, height, width)
    return str(caught.value)


def test_runs_go_down_the_columns() -> None:
    assert decode([1, 2, 3, 1, 5], 4, 3).tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert decode([0, 12], 4, 3).tolist() == [[1, 1, 1]] * 4
    assert decode([12], 4, 3).tolist() == [[0, 0, 0]] * 4


def test_a_text_of_pycocotools_is_read() -> None:
    """Made by pycocotools 2.0.11 from the mask of 20 x 30 pixels that is 1 in rows 3 to 16 and columns 5 to 24."""
    expected = np.zeros((20, 30), np.uint8)
    expected[3:17, 5:25] = 1
    text = "W3>60000000000000000000000000000000000000Q3"
    assert (decode(text, 20, 30) == expected).all()


@given(MASKS)
def test_masks_come_back_from_numbers_and_from_text(mask: np.ndarray) -> None:
    runs = runs_of(mask)
    for counts in (runs, packed(runs)):
        decoded = decode(counts, *mask.shape)
        assert decoded.dtype == np.uint8
        assert decoded.flags.c_contiguous
        assert (decoded == mask).all()


@given(st.lists(st.integers(0, 2**28), min_size=1, max_size=30))
def test_numbers_of_any_size_are_unpacked(runs: list[int]) -> None:
    assert decompress(packed(runs)).tolist() == runs == slowly_unpacked(packed(runs))


@given(st.text(st.characters(min_codepoint=48, max_codepoint=111), max_size=40))
def test_any_text_is_unpacked_as_slowly_or_refused(text: str) -> None:
    try:
        assert decompress(text).tolist() == slowly_unpacked(text)
    except RunError as error:
        assert "break off" in str(error) or "above the image's pixels" in str(error)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ([1, 2], "do not add up"),
        ([13], "above the image's pixels"),
        ([-1, 13], "below 0"),
        ([2**70], "above the image's pixels"),
        ([6, 6, 6], "do not add up"),
        ([], "do not add up"),
        ("", "do not add up"),
        ([6.0, 6.0], "neither text nor a list"),
        ([True, 11], "neither text nor a list"),
        (["6", "6"], "neither text nor a list"),
        (None, "neither text nor a list"),
        ({"a": 1}, "neither text nor a list"),
        ("é", "characters"),
        ("5 7", "characters"),
        ("~", "characters"),
        ("P", "break off"),
        ("P" * 100 + "0", "above the image's pixels"),
        ("@=", "below 0"),
    ],
)
def test_what_is_no_mask_gets_a_reason(counts: Any, words: str) -> None:
    assert words in reason(counts)


@pytest.mark.parametrize("counts", [[2**40], [2**62, 2**62], [2**28, 2**28], [2**27] * 64, packed([2**27] * 30)])
def test_a_bomb_makes_no_large_array(counts: Any) -> None:
    tracemalloc.start()
    assert reason(counts, 100, 100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**17


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
        max_leaves=6,
    ),
    st.integers(1, 6),
    st.integers(1, 6),
)
def test_anything_is_a_mask_or_a_reason(counts: Any, height: int, width: int) -> None:
    try:
        assert decode(counts, height, width).shape == (height, width)
    except RunError as error:
        assert "\n" not in str(error)
