"""A few steps on many images hold what the first ones held, and the cache its part of them."""

import argparse

import pytest

from tests.torture import memory


def test_a_training_with_a_cache_of_a_part_of_its_images_is_flat() -> None:
    asked = argparse.Namespace(images=500, size=128, gib=0.02, steps=20, workers=1)
    lines: list[str] = []
    said = memory.measured(asked, lines.append)
    # 5 bytes a pixel: red, green, blue, padding, class.
    assert said.startswith(f"500 images of 128 x 128, {int(0.02 * 2**30 / (5 * 128**2))} of them in a cache of 0.02 GiB")
    assert len(lines) == 10


def test_growing_memory_is_found() -> None:
    assert "5 MiB more" in memory.require_flat([2**30, 2**30 + 5 * 2**20, 2**30], "")
    with pytest.raises(SystemExit, match=r"failed: .* 33 MiB more"):
        memory.require_flat([2**30, 2**30 + 33 * 2**20, 2**30], "")
