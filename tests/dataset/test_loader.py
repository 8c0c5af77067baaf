"""Batches: the same for any number of workers, all images in every epoch, never the same draw twice."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from segpipe.dataset import loader
from segpipe.dataset.pack import Pack
from segpipe.dataset.training_samples import AugmentedCrops
from segpipe.errors import PipelineError
from segpipe.images.to_tensor import channels_first, unit_values
from segpipe.images.value_range import as_values
from tests import plain_params
from tests.dataset.packs import made, noise

AUGMENT = plain_params.PARAMS.augment
IDS = [f"i{number}" for number in range(13)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    # All images alike, so that equal batches can only come from equal draws.
    image, mask = noise(0), noise(1, channels=1)[:, :, 0] % 2
    return made(tmp_path_factory.mktemp("loader"), dict.fromkeys(IDS, (image, mask)))


def epochs(data: Pack, workers: int, numbers: tuple[int, ...] = (0, 1), ids: list[str] = IDS) -> list[loader.Batch]:
    samples = loader.TrainingSamples(AugmentedCrops(data, ids, AUGMENT, 16, 0, seed=3, fold=0))
    order = loader.EpochBatches(ids, 4, seed=3, fold=0)
    batches = loader.training_loader(samples, order, workers, pin=False)
    found = []
    for order.epoch in numbers:
        found += list(batches)
    return found


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_workers_change_nothing(data: Pack, workers: int) -> None:
    for one, other in zip(epochs(data, 0), epochs(data, workers), strict=True):
        assert one.ids == other.ids
        assert torch.equal(one.image, other.image)
        assert torch.equal(one.target, other.target)


def test_workers_that_could_not_hand_over_a_batch_are_refused(
    data: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch would wait for it for ever."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("x" * loader.LONGEST_TEMPORARY_FOLDER)))
    with pytest.raises(PipelineError, match=r"TMPDIR: .* too long a path .* 75 characters or fewer, .* runtime\.workers 0"):
        epochs(data, 1)
    assert epochs(data, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="a socket's path may have 107 bytes on Linux")
def test_the_longest_temporary_folder_has_room_for_a_socket(tmp_path: Path) -> None:
    """As multiprocessing names it; with a letter more it has none."""
    for more, fits in ((0, True), (1, False)):
        with tempfile.TemporaryDirectory(dir="/tmp") as short, socket.socket(socket.AF_UNIX) as bound:
            folder = Path(short, "x" * (loader.LONGEST_TEMPORARY_FOLDER + more - len(short) - 1), "pymp-12345678")
            folder.mkdir(parents=True)
            with contextlib.nullcontext() if fits else pytest.raises(OSError, match="too long"):
                bound.bind(str(folder / "listener-12345678"))


@pytest.mark.parametrize(("method", "persistent"), [("fork", True), ("fork", False), ("spawn", True), ("forkserver", False)])
def test_how_workers_start_and_whether_they_stay_changes_nothing(data: Pack, method: str, persistent: bool) -> None:
    """From the middle of the first epoch on, as after an interruption."""
    wanted = bytes_of(rounds(training_batches(data, 0), first=2))
    ours = training_batches(data, 2)
    # The same loader but for the two settings, which are ours to choose and no parameters.
    other = DataLoader(
        ours.dataset,
        batch_sampler=ours.batch_sampler,
        num_workers=2,
        collate_fn=ours.collate_fn,
        worker_init_fn=ours.worker_init_fn,
        multiprocessing_context=method,
        persistent_workers=persistent,
    )
    assert len(wanted) == 2 + 4
    assert bytes_of(rounds(other, first=2)) == wanted


def test_the_rest_of_an_epoch_is_the_end_of_the_whole_one(data: Pack) -> None:
    whole = bytes_of(rounds(training_batches(data, 2), first=0))
    for first in range(5):
        assert bytes_of(rounds(training_batches(data, 2), first)) == whole[first:]


def training_batches(data: Pack, workers: int) -> "DataLoader[Any]":
    samples = loader.TrainingSamples(AugmentedCrops(data, IDS, AUGMENT, 16, 0, seed=3, fold=0))
    return loader.training_loader(samples, loader.EpochBatches(IDS, 4, seed=3, fold=0), workers, pin=False)


def rounds(batches: "DataLoader[Any]", first: int) -> list[loader.Batch]:
    """The first epoch from a batch on, and the whole second one."""
    order: Any = batches.batch_sampler
    found = []
    for order.epoch, order.first in ((0, first), (1, 0)):
        found += list(batches)
    return found


def bytes_of(batches: list[loader.Batch]) -> list[tuple[tuple[str, ...], bytes, bytes]]:
    return [(batch.ids, batch.image.numpy().tobytes(), batch.target.numpy().tobytes()) for batch in batches]


def test_an_epoch_is_the_same_without_those_before_it(data: Pack) -> None:
    later, alone = epochs(data, 0, (0, 1))[4:], epochs(data, 0, (1,))
    assert all(torch.equal(a.image, b.image) for a, b in zip(later, alone, strict=True))


def test_every_image_is_in_every_epoch_and_batches_are_even(data: Pack) -> None:
    first = epochs(data, 0, (0,))
    assert sorted(item for batch in first for item in batch.ids) == sorted(IDS)
    assert sorted(len(batch.ids) for batch in first) == [3, 3, 3, 4]


def test_the_order_changes_from_epoch_to_epoch(data: Pack) -> None:
    first, second = ([item for batch in epochs(data, 0, (epoch,)) for item in batch.ids] for epoch in (0, 1))
    assert first != second


@pytest.mark.parametrize("workers", [2, 4])
def test_no_draw_repeats_over_images_workers_and_epochs(data: Pack, workers: int) -> None:
    drawn = [image.numpy().tobytes() for batch in epochs(data, workers, (0, 1, 2)) for image in batch.image]
    assert len(set(drawn)) == len(drawn) == 39


def test_batches_are_what_they_say(data: Pack) -> None:
    batch = epochs(data, 0, (0,))[0]
    assert (batch.image.shape, batch.image.dtype) == ((4, 3, 16, 16), torch.uint8)
    assert (batch.target.shape, batch.target.dtype) == ((4, 16, 16), torch.int64)


def weighted(data: Pack, workers: int) -> "DataLoader[Any]":
    """Two images are wanted three times as often as the others."""
    samples = loader.TrainingSamples(AugmentedCrops(data, IDS, AUGMENT, 16, 0, seed=3, fold=0))
    weights = np.array([3.0, 3.0, *[1.0] * 11])
    order = loader.EpochBatches(IDS, 4, seed=3, fold=0, weights=weights * (13 / weights.sum()))
    return loader.training_loader(samples, order, workers, pin=False)


def test_preferred_images_come_again_in_an_epoch_of_the_same_length_and_are_drawn_anew(data: Pack) -> None:
    found = rounds(weighted(data, 0), first=0)
    assert [len(batch.ids) for batch in found] == [len(batch.ids) for batch in rounds(training_batches(data, 0), first=0)]
    counts = Counter(item for batch in found for item in batch.ids)
    assert counts["i0"] >= 4 and counts["i1"] >= 4
    drawn = [image.numpy().tobytes() for batch in found for image in batch.image]
    assert len(set(drawn)) == len(drawn) == 26


def test_preferred_images_are_the_same_for_any_workers_and_from_any_batch_on(data: Pack) -> None:
    whole = bytes_of(rounds(weighted(data, 0), first=0))
    assert bytes_of(rounds(weighted(data, 2), first=0)) == whole
    assert bytes_of(rounds(weighted(data, 2), first=3)) == whole[3:]


def test_the_first_draw_of_an_image_does_not_depend_on_what_is_preferred(data: Pack) -> None:
    draws = AugmentedCrops(data, IDS, AUGMENT, 16, 0, seed=3, fold=0)
    assert np.array_equal(draws.draw(2, "i4")[0], draws.draw(2, "i4", 0)[0])
    assert not np.array_equal(draws.draw(2, "i4")[0], draws.draw(2, "i4", 1)[0])


def keys_of(order: loader.EpochBatches, epochs: int) -> list[list[loader.Key]]:
    """The batches of all epochs, one after the other."""
    found = []
    for order.epoch in range(epochs):
        batches = list(order)
        assert len(batches) == len(order)
        found += batches
    return found


@pytest.mark.parametrize("steps", [1, 2, 3, 13])
def test_an_epoch_of_steps_goes_on_where_the_one_before_ended(steps: int) -> None:
    order = loader.EpochBatches(IDS, 4, seed=3, fold=0, steps=steps)
    drawn = keys_of(order, 13)
    assert len(drawn) == 13 * steps and {len(batch) for batch in drawn} == {4}
    names = [item for batch in drawn for _, item, _ in batch]
    # 4 x steps passes of the 13 images, each with all of them in an order of its own.
    passes = [names[start : start + len(IDS)] for start in range(0, len(names), len(IDS))]
    assert len(passes) == 4 * steps
    assert all(sorted(each) == sorted(IDS) for each in passes)
    assert len({tuple(each) for each in passes}) == len(passes)
    # No draw comes twice, also where an image comes more than once in an epoch.
    keys = [key for batch in drawn for key in batch]
    assert len(set(keys)) == len(keys)


def test_an_epoch_of_steps_is_the_same_without_those_before_it_and_from_any_batch_on() -> None:
    whole = keys_of(loader.EpochBatches(IDS, 4, seed=3, fold=0, steps=5), 3)
    alone = loader.EpochBatches(IDS, 4, seed=3, fold=0, steps=5)
    alone.epoch, alone.first = 2, 3
    assert list(alone) == whole[13:]


def test_as_many_steps_as_a_pass_has_give_the_images_of_a_pass() -> None:
    ids = [str(number) for number in range(12)]
    passes, steps = (loader.EpochBatches(ids, 4, seed=3, fold=0, steps=each) for each in (0, 3))
    assert keys_of(passes, 3) == keys_of(steps, 3)


def test_preferred_images_come_as_often_in_epochs_of_steps() -> None:
    weights = np.ones(13)
    weights[0] = 5
    order = loader.EpochBatches(IDS, 4, seed=3, fold=0, weights=weights * (13 / weights.sum()), steps=1)
    names = [item for batch in keys_of(order, 13 * 17) for _, item, _ in batch]
    assert len(names) == 4 * 13 * 17
    # A share of 5 in 17, on average over 68 passes.
    assert abs(names.count(IDS[0]) - len(names) * 5 / 17) <= 20


def test_objects_are_found_by_the_index_and_the_mask(tmp_path: Path) -> None:
    """Of 64 images of 90 x 90 pixels with one object each, a random crop of 16 shows a few, a placed one every one."""
    mask = np.zeros((90, 90), np.uint8)
    mask[70:73, 5:9] = 1
    ids = [f"i{number}" for number in range(64)]
    data = made(tmp_path, dict.fromkeys(ids, (noise(0, 90, 90), mask)))

    def seen(probability: float) -> int:
        keys = AUGMENT.model_copy(update={"object_crop": probability})
        draws = AugmentedCrops(data, ids, keys, 16, 0, seed=3, fold=0)
        return sum(bool((draws.draw(0, item)[1] == 1).any()) for item in ids)

    assert seen(0.0) < 16
    assert seen(1.0) == 64


@pytest.mark.parametrize("workers", [0, 2])
def test_whole_images_come_as_they_are_in_order(data: Pack, workers: int) -> None:
    found = list(loader.whole_image_loader(loader.WholeImages(data, IDS), workers))
    assert [item.id for item in found] == IDS
    assert np.array_equal(found[0].image, noise(0))
    assert found[0].mask.dtype == np.uint8


KILLED = """
import os, signal, sys, time
import numpy as np
from segpipe.dataset import loader
class Large:
    ids = range(4)
    def __len__(self): return 4
    def __getitem__(self, number): return np.zeros((1000, 1000), np.uint8)
waiting = iter(loader.whole_image_loader(Large(), 1))
print(waiting._workers[0].pid, flush=True)
time.sleep(float(sys.argv[1]))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are not forked")
@pytest.mark.parametrize("after_s", [0.0, 1.0], ids=["starting", "handing over"])
def test_a_worker_ends_with_its_process(after_s: float) -> None:
    """More than a pipe holds waits for a reader, which a killed process is no more."""
    command = [sys.executable, "-c", KILLED, str(after_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        worker = int(process.stdout.readline())
        assert process.wait(timeout=60) == -signal.SIGKILL
        # The output ends when nobody is left who could write there.
        ended, _, _ = select.select([process.stdout], [], [], 20)
        if not ended:
            os.kill(worker, signal.SIGKILL)
    assert ended


def test_sixteen_bits_become_shares_of_the_largest() -> None:
    image = np.array([[[0], [65535]]], np.uint16)
    values: Any = as_values(image)
    assert values.dtype == np.float32
    assert torch.equal(unit_values(channels_first(values)), torch.tensor([[[0.0, 1.0]]]))
    assert unit_values(torch.tensor([255, 51], dtype=torch.uint8)).tolist() == pytest.approx([1.0, 0.2])


def test_a_tensor_has_memory_of_its_own() -> None:
    gray = np.frombuffer(bytes(12), np.uint8).reshape(3, 4, 1)
    channels_first(gray)[:] = 7
    assert not gray.any()


def test_large_images_are_shrunk_with_their_masks(tmp_path: Path) -> None:
    data = made(tmp_path, {"a": (noise(0, 40, 80), np.ones((40, 80), np.uint8))})
    samples = loader.TrainingSamples(AugmentedCrops(data, ["a"], AUGMENT, 16, 32, seed=3, fold=0))
    _, image, mask = samples[(0, "a", 0)]
    assert image.shape[:2] == mask.shape == (16, 16)
