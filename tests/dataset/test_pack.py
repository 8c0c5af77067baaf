"""data/prepared: what goes in comes out, the same records give the same bytes, and damage is named."""

import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from segpipe.dataset import pack
from segpipe.errors import PipelineError
from segpipe.storage.files import sha256_of
from tests.dataset.packs import made, noise

IDS = [f"folder/image {number}é" for number in range(40)]


@pytest.fixture(scope="module")
def forty(tmp_path_factory: pytest.TempPathFactory) -> pack.Pack:
    images = {item: (noise(number), noise(number, channels=1)[:, :, 0] % 2) for number, item in enumerate(IDS)}
    return made(tmp_path_factory.mktemp("pack"), images)


def test_images_and_masks_come_back(forty: pack.Pack) -> None:
    for number, item in enumerate(IDS):
        assert np.array_equal(forty.image(item), noise(number))
        assert np.array_equal(forty.mask(item), noise(number, channels=1)[:, :, 0] % 2)


def test_processes_share_it(forty: pack.Pack) -> None:
    alone = [forty.image(item).sum() for item in IDS]
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(2) as workers:
            assert [image.sum() for image in workers.map(forty.image, IDS)] == alone


def test_the_order_of_the_images_does_not_matter(tmp_path: Path) -> None:
    images = {item: (noise(number), np.ones((24, 32), np.uint8)) for number, item in enumerate(IDS)}
    made(tmp_path / "a", images)
    made(tmp_path / "b", dict(reversed(images.items())))
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")


def test_one_more_image_changes_one_shard_of_each_kind(tmp_path: Path) -> None:
    images = {item: (noise(number), np.ones((24, 32), np.uint8)) for number, item in enumerate(IDS)}
    made(tmp_path / "a", images)
    made(tmp_path / "b", images | {"new": (noise(99), np.ones((24, 32), np.uint8))})
    before, after = hashes(tmp_path / "a"), hashes(tmp_path / "b")
    changed = {name for name in after if before.get(name) != after[name]}
    assert {name.split("-")[0] for name in changed} == {"images", "masks", "index.csv", "dataset.json"}
    assert len(changed) == 4


def test_gray_among_colour_is_repeated_and_counted_in_each_channel(tmp_path: Path) -> None:
    gray, colour = noise(0, channels=1), noise(1)
    data = made(tmp_path, {"gray": (gray, gray[:, :, 0] % 2), "colour": (colour, gray[:, :, 0] % 2)})
    assert np.array_equal(data.image("gray"), np.repeat(gray, 3, axis=2))
    mean, deviation = pack.mean_and_deviation(pack.channel_sums(data.index, data.info), data.info.bits)
    pixels = np.concatenate([np.repeat(gray, 3, axis=2), colour]).reshape(-1, 3) / 255
    assert np.allclose(mean, pixels.mean(axis=0))
    assert np.allclose(deviation, pixels.std(axis=0))


def test_a_flat_channel_is_not_divided_by_zero(tmp_path: Path) -> None:
    flat = np.full((24, 32, 1), 51, np.uint8)
    data = made(tmp_path, {"a": (flat, flat[:, :, 0] % 2)})
    assert pack.mean_and_deviation(pack.channel_sums(data.index, data.info), data.info.bits) == ([0.2], [1.0])


def test_ids_that_look_like_numbers_stay_text(tmp_path: Path) -> None:
    flat = np.zeros((24, 32, 1), np.uint8)
    data = made(tmp_path, dict.fromkeys(("007", "1e3", "NA", "true"), (flat, flat[:, :, 0])))
    assert sorted(data.index.index) == ["007", "1e3", "NA", "true"]


def test_what_is_not_whole_is_named(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"nothing: not whole .* Run `dvc repro convert`"):
        pack.open_pack(tmp_path / "nothing")
    made(tmp_path, {item: (noise(0), noise(0)[:, :, 0] % 2) for item in IDS})
    next((tmp_path / "prepared").glob("masks-*.zip")).unlink()
    with pytest.raises(PipelineError, match="name other images"):
        pack.open_pack(tmp_path / "prepared")


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in (folder / "prepared").iterdir()}


@pytest.mark.parametrize(("images", "shards"), [(1, 1), (16, 1), (17, 2), (240, 16), (513, 64), (1000, 64), (20000, 64)])
def test_small_data_sets_have_few_shards(images: int, shards: int) -> None:
    assert pack.n_shards(images) == shards


@pytest.mark.parametrize("kind", ["images", "masks"])
def test_a_bit_that_changed_in_a_picture_is_an_error_and_no_training_on_it(kind: str, tmp_path: Path) -> None:
    flat = np.full((24, 32, 1), 51, np.uint8)
    data = made(tmp_path, {"a": (flat, flat[:, :, 0] % 2)})
    place = (data.images if kind == "images" else data.masks)["a"]
    content = bytearray(place.file.read_bytes())
    content[place.offset + (place.size or 0) - 1] ^= 1
    place.file.write_bytes(content)
    read = data.image if kind == "images" else data.mask
    with pytest.raises(PipelineError, match="a is not what convert wrote"):
        read("a")
