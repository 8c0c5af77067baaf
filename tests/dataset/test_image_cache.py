"""The cache of decoded images: the same bytes with it, without it and half full, and nothing of it is left."""

import errno
import itertools
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from segpipe.dataset import crops, image_cache, loader, presets
from segpipe.dataset.image_cache import ImageCache, Sample
from segpipe.dataset.pack import Pack
from segpipe.dataset.training_samples import AugmentedCrops
from tests import plain_params
from tests.dataset.packs import made, noise
from tests.structure.imports import ROOT

AUGMENT = plain_params.PARAMS.augment
PLACED = presets.resolved(AUGMENT.model_copy(update={"preset": "crop"}))
SIZES = ((24, 32), (16, 16), (40, 20), (17, 31), (24, 32))
IDS = [f"i{number}" for number in range(len(SIZES))]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """RGB images of several sizes, one of them as large as the crop."""
    return made(tmp_path_factory.mktemp("cache"), {item: pair(seed, *SIZES[seed]) for seed, item in enumerate(IDS)})


def pair(seed: int, height: int, width: int, channels: int = 3) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    mask = np.zeros((height, width), np.uint8)
    mask[3:9, 4:12] = 1
    return noise(seed, height, width, channels), mask


def decoded(seed: int, height: int = 24, width: int = 32) -> Sample:
    """As training samples are made."""
    image, mask = pair(seed, height, width)
    return crops.padded(image), mask


def index(sizes: dict[str, tuple[int, int, int]]) -> pd.DataFrame:
    """Height, width and bits by id."""
    return pd.DataFrame.from_dict(sizes, orient="index", columns=["height", "width", "bits"])


def batches(data: Pack, cache: ImageCache, folder: Path, workers: int = 0, long_side: int = 0, **start: Any) -> list[bytes]:
    """Two epochs."""
    draws = AugmentedCrops(data, IDS, PLACED, 16, long_side, seed=3, fold=0, cache=cache)
    order = loader.EpochBatches(IDS, 2, seed=3, fold=0)
    ours = loader.training_loader(loader.TrainingSamples(draws), order, workers, pin=False)
    # The same loader but for how its workers start.
    batched = ours
    if start:
        batched = DataLoader(ours.dataset, batch_sampler=order, num_workers=workers, collate_fn=ours.collate_fn, **start)
    found = []
    with cache.opened(folder):
        for order.epoch in (0, 1):
            found += [part.numpy().tobytes() for batch in batched for part in (batch.image, batch.target)]
    return found


def planned(data: Pack, budget: int, long_side: int = 0) -> ImageCache:
    return ImageCache(image_cache.plan(data.index, IDS, data.info.channels, long_side, budget))


def half(data: Pack) -> ImageCache:
    cache = planned(data, 6000)
    assert 0 < len(cache.slots) < len(IDS)
    return cache


@pytest.mark.parametrize("long_side", [0, 20])
def test_batches_are_the_same_with_a_cache_without_one_and_with_one_half_full(data: Pack, tmp_path: Path, long_side: int) -> None:
    none, some, every = (planned(data, budget, long_side) for budget in (0, 4000, 2**20))
    assert 0 == len(none.slots) < len(some.slots) < len(every.slots) == len(IDS)
    wanted = batches(data, none, tmp_path, long_side=long_side)
    assert batches(data, some, tmp_path, long_side=long_side) == wanted
    assert batches(data, every, tmp_path, long_side=long_side) == wanted


@pytest.mark.parametrize(("method", "persistent"), [("fork", True), ("fork", False), ("forkserver", True)])
def test_workers_share_the_file_however_they_start(data: Pack, tmp_path: Path, method: str, persistent: bool) -> None:
    wanted = batches(data, planned(data, 0), tmp_path)
    start = {"multiprocessing_context": method, "persistent_workers": persistent}
    assert batches(data, planned(data, 2**20), tmp_path, workers=2, **start) == wanted


def test_an_image_is_decoded_once_by_whichever_process_comes_first(data: Pack, tmp_path: Path) -> None:
    cache = planned(data, 2**20)
    with cache.opened(tmp_path):
        other = pickle.loads(pickle.dumps(cache))
        image, mask = decoded(0)
        other.sample("i0", lambda: (image, mask))
        found = cache.sample("i0", never)
    assert np.array_equal(found[0], image) and np.array_equal(found[1], mask)
    assert not found[0].flags.writeable and not found[1].flags.writeable


def never() -> Sample:
    raise AssertionError("decoded again")


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize("bits", [8, 16])
def test_each_kind_of_image_comes_back_as_it_was(tmp_path: Path, channels: int, bits: int) -> None:
    sizes = {"a": (9, 7, bits), "b": (12, 5, bits)}
    values = {name: crops.padded(noise(1, height, width, channels)) for name, (height, width, _) in sizes.items()}
    if bits == 16:
        values = {name: (value / np.float32(7)).astype(np.float32) for name, value in values.items()}
    masks = {name: value[:, :, 0].astype(np.uint8) for name, value in values.items()}
    cache = ImageCache(image_cache.plan(index(sizes), ["a", "b"], channels, 0, 2**20))
    with cache.opened(tmp_path):
        for name in sizes:
            cache.sample(name, lambda: (values[name], masks[name]))  # noqa: B023
        for name in sizes:
            image, mask = cache.sample(name, never)
            assert image.dtype == values[name].dtype and np.array_equal(image, values[name])
            assert np.array_equal(mask, masks[name])


def test_a_channel_of_many_need_not_be_copied_out(tmp_path: Path) -> None:
    cache = ImageCache(image_cache.plan(index({"a": (9, 7, 8)}), ["a"], 5, 0, 2**20))
    with cache.opened(tmp_path):
        cache.sample("a", lambda: (noise(1, 9, 7, 5), np.zeros((9, 7), np.uint8)))
        image, _ = cache.sample("a", never)
    assert all(np.ascontiguousarray(image[:, :, channel : channel + 1]).base is not None for channel in range(5))


def test_a_plan_holds_the_first_that_fit_within_the_budget() -> None:
    sizes = {"a": (10, 10, 8), "large": (100, 100, 8), "b": (10, 10, 16), "c": (10, 10, 8)}
    slots = image_cache.plan(index(sizes), list(sizes), 3, 0, 3000)
    assert list(slots) == ["a", "b", "c"]
    assert all(slot.offset % image_cache.ALIGNMENT == 0 for slot in slots.values())
    ends = [(slot.offset, slot.end) for slot in slots.values()]
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(ends)) and ends[-1][1] <= 3000
    # Four channels of bytes or of floats, one of them padding, and the mask.
    assert [end - start for start, end in ends] == [500, 1700, 500]
    assert len({slot.flag for slot in slots.values()}) == 3 and max(slot.flag for slot in slots.values()) < ends[0][0]
    assert image_cache.plan(index(sizes), list(sizes), 3, 50, 16000)["large"].shape == (50, 50, 4)


def test_an_image_that_is_not_as_the_index_says_leaves_its_neighbours_alone(tmp_path: Path) -> None:
    cache = ImageCache(image_cache.plan(index({"a": (8, 8, 8), "b": (8, 8, 8)}), ["a", "b"], 3, 0, 2**20))
    right, larger = decoded(0, 8, 8), decoded(1, 16, 16)
    with cache.opened(tmp_path):
        cache.sample("b", lambda: right)
        assert cache.sample("a", lambda: larger)[0] is larger[0]
        assert cache.sample("a", lambda: larger)[0] is larger[0]
        assert np.array_equal(cache.sample("b", never)[0], right[0])


def test_the_file_is_there_while_it_is_opened_only(data: Pack, tmp_path: Path) -> None:
    cache = planned(data, 2**20)
    assert cache.sample("i0", lambda: decoded(0))[0].flags.writeable
    with cache.opened(tmp_path / "decoded"):
        assert [path.stat().st_size for path in (tmp_path / "decoded").iterdir()] == [cache.size]
        held = [cache.sample("i0", lambda: decoded(0)) for _ in range(2)][1]
    assert list((tmp_path / "decoded").iterdir()) == []
    # Who still has an image from it keeps that.
    assert np.array_equal(held[0], decoded(0)[0])
    assert cache.sample("i0", lambda: decoded(1))[0].flags.writeable
    with pytest.raises(KeyError), cache.opened(tmp_path / "decoded"):
        raise KeyError
    assert list((tmp_path / "decoded").iterdir()) == []


def test_what_a_killed_process_left_is_deleted_and_what_is_in_use_is_not(data: Pack, tmp_path: Path) -> None:
    with planned(data, 2**20).opened(tmp_path):
        (running,) = tmp_path.iterdir()
        script = f"""
import os, signal
from pathlib import Path
from segpipe.dataset.image_cache import ImageCache, Slot
import numpy as np
with ImageCache(dict(a=Slot(1, 64, (8, 8, 3), np.dtype(np.uint8)))).opened(Path({str(tmp_path)!r})):
    os.kill(os.getpid(), signal.SIGKILL)
"""
        subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
        assert len(list(tmp_path.iterdir())) == 2
        with planned(data, 2**20).opened(tmp_path):
            assert running in tmp_path.iterdir() and len(list(tmp_path.iterdir())) == 2
    assert list(tmp_path.iterdir()) == []


def full(*arguments: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["truncate", "posix_fallocate"])
def test_where_there_is_no_room_for_it_one_warning_and_the_same_bytes(
    data: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], call: str
) -> None:
    wanted = batches(data, planned(data, 0), tmp_path)
    monkeypatch.setattr(os, call, full)
    assert batches(data, planned(data, 2**20), tmp_path) == wanted
    assert capsys.readouterr().err.count("no cache of decoded images (No space left on device)") == 1
    assert list(tmp_path.iterdir()) == []


def test_it_takes_no_more_than_half_of_what_is_free(
    data: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = planned(data, 2**20)
    for free, warnings in ((2 * cache.size, 0), (2 * cache.size - 1, 1)):
        monkeypatch.setattr(image_cache.shutil, "disk_usage", lambda folder: Free(free))  # noqa: B023
        with cache.opened(tmp_path):
            assert len(list(tmp_path.iterdir())) == 1 - warnings
        assert capsys.readouterr().err.count("warning") == warnings


class Free:
    def __init__(self, free: int) -> None:
        self.free = free


def test_a_folder_that_cannot_be_made_is_told_and_nothing_is_kept(
    data: Pack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert batches(data, planned(data, 2**20), tmp_path / "file") == batches(data, planned(data, 0), tmp_path)
    assert capsys.readouterr().err.count("warning: ") == 1


def test_a_disk_that_fills_up_is_told_once_and_changes_no_byte(
    data: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = batches(data, planned(data, 0), tmp_path)
    write, calls = os.pwrite, []

    def pwrite(descriptor: int, content: Any, offset: int) -> int:
        calls.append(offset)
        # A third of what is asked, until the disk is full.
        return full() if len(calls) > 12 and offset else write(descriptor, content[: -(-len(content) // 3)], offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    assert batches(data, planned(data, 2**20), tmp_path) == wanted
    assert capsys.readouterr().err.count("no more images go into the cache") == 1


def test_a_file_that_is_gone_before_a_process_opens_it_is_done_without(data: Pack, tmp_path: Path) -> None:
    cache = planned(data, 2**20)
    with cache.opened(tmp_path):
        late = pickle.dumps(cache)
    assert np.array_equal(pickle.loads(late).sample("i0", lambda: decoded(0))[0], decoded(0)[0])


def test_where_no_file_is_written_in_place_one_warning_and_the_same_bytes(
    data: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As on Windows, which also would not delete the file while a worker has it open."""
    slots = image_cache.plan(data.index, IDS, 3, 0, 10**9)
    expected = batches(data, ImageCache({}), tmp_path)
    monkeypatch.delattr(os, "pwrite")
    assert batches(data, ImageCache(slots), tmp_path / "cache") == expected
    assert capsys.readouterr().err.count("warning: no cache of decoded images on this system") == 1
    assert not (tmp_path / "cache").exists()
