"""Groups seen in names: those that are there are found, whole; plain numbered names suggest nothing."""

import itertools
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segpipe.annotations.name_groups import suggest_pattern

N = range(12)
SEQUENCES = ["0001TP", "0006R0", "0016E5", "Seq05VD"]
PEOPLE = ("ann", "ben", "cem", "dan", "eve", "fay", "gus", "hal", "ida", "jon")
FOUND = {
    "patients": ([f"patient{p:02d}_slice{k}" for p in N for k in N], 12),
    "folders": ([f"P{p:02d}/scan/{k:03d}" for p in N for k in N], 12),
    "given folders": ([f"{'train' if p < 9 else 'val'}/P{p:02d}_{k:03d}" for p in N for k in N], 12),
    "a word, a number, a slice": ([f"case_{p:02d}_{k:02d}" for p in N for k in N], 12),
    "another word": ([f"abc_{p:02d}_{k:02d}" for p in N for k in N], 12),
    "camvid": ([f"{SEQUENCES[k % 4]}_{k:05d}" for k in range(80)], 4),
    "tiles": ([f"scene{p}_{x * 512}_{y * 512}" for p in N for x in range(3) for y in range(3)], 12),
    "crops": ([f"{p:05d}_crop{k}" for p in range(50) for k in range(3)], 50),
    "patients of sites": ([f"site{p % 2}_patient{p:02d}_{k}" for p in N for k in N], 12),
    "no separator": ([f"P{p:02d}S{k:02d}" for p in N for k in N], 12),
    "slides counted anew": ([f"A{p:02d} slide {k}" for p in N for k in range(5)], 12),
    "many names": (
        [f"{name}_{k}" for name in PEOPLE for k in N],
        10,
    ),
    "dates": ([f"202103{p:02d}_{k:06d}" for p in N for k in N], 12),
    "patients in two folders": ([f"{'train' if k < 6 else 'val'}/patient{p}_{k}" for p in N for k in N], 12),
}
NOTHING = {
    "numbers": [f"{k:04d}" for k in range(100)],
    "a word and numbers": [f"img_{k:04d}" for k in range(100)],
    "a folder of them": [f"photos/IMG-{k:04d}" for k in range(100)],
    "frames": [f"frame{k}" for k in range(100)],
    "years": [f"{2007 + y}_{k:06d}" for y in range(6) for k in range(50)],
    "classes": [f"{name}_{k}" for name in ("cat", "dog", "cow") for k in range(50)],
    "parts": [f"{name}_{k}" for name in ("train", "testA", "testB") for k in range(50)],
    "one image a patient": [f"patient{k}_photo" for k in range(50)],
    "two videos": [f"video{v}/frame_{k}" for v in (1, 2) for k in range(50)],
    "few": ["a", "b"],
    "none": [],
}


def grouping(pattern: str, ids: list[str]) -> list[int]:
    """The sizes of the groups, of images that it matches."""
    return sorted(Counter(match[1].lower() for item in ids if (match := re.search(pattern, item))).values())


@pytest.mark.parametrize("name", FOUND)
def test_groups_in_names_are_found(name: str) -> None:
    ids, groups = FOUND[name]
    pattern = suggest_pattern(ids)
    assert pattern and re.compile(pattern).groups == 1
    sizes = grouping(pattern, ids)
    assert len(sizes) == groups and sum(sizes) == len(ids)


@pytest.mark.parametrize("name", NOTHING)
def test_plain_names_suggest_nothing(name: str) -> None:
    assert suggest_pattern(NOTHING[name]) is None


@given(st.permutations(FOUND["camvid"][0]))
def test_the_order_does_not_matter(ids: list[str]) -> None:
    assert suggest_pattern(ids) == suggest_pattern(FOUND["camvid"][0])


@given(st.lists(st.text(max_size=12), max_size=30))
def test_any_names_at_all_are_read(ids: list[str]) -> None:
    pattern = suggest_pattern(ids)
    assert pattern is None or re.compile(pattern).groups == 1


def test_long_names_are_read_at_once() -> None:
    assert suggest_pattern(["_".join(["a1"] * 2000) + f"_{k}" for k in range(50)]) is None
    assert suggest_pattern([f"{a}{b}" * 400 for a, b in itertools.product("ab", "cd")]) is None
