"""segpipe.load: what `segpipe predict` gives, from Python, for files and arrays, and what is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

import segpipe
from segpipe import export
from segpipe.cli import predict as command
from segpipe.errors import DataError, PipelineError
from segpipe.images.decode import decode_mask
from segpipe.models import model_file
from tests.dataset.packs import noise
from tests.images.tiff_files import Page, tiff
from tests.inference.cards import small

FILES = ("model.safetensors", "model.onnx")


@pytest.fixture(autouse=True)
def outside_of_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model is held against the data of the project that it is used in: here there is none, also where ours was run."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models of three classes, of two, and of 16 bits with five bands; an image."""
    folder = tmp_path_factory.mktemp("load")
    segmenter, card = small()
    model_file.save(folder / "model.safetensors", segmenter, card)
    (folder / "model.onnx").write_bytes(export.to_onnx(segmenter, card))
    model_file.save(folder / "binary.safetensors", *small(classes=2))
    model_file.save(folder / "deep.safetensors", *small(channels=5, bits=16))
    Image.fromarray(noise(0, 33, 47)).save(folder / "a.png")
    return folder


@pytest.mark.parametrize("file", FILES)
def test_a_file_and_its_array_give_what_the_command_writes(folder: Path, file: str, tmp_path: Path) -> None:
    command.predict([folder / "a.png"], [folder / file], False, tmp_path, [], "cpu")
    written = decode_mask((tmp_path / "masks/a.png").read_bytes(), "a")
    model = segpipe.load(folder / file)
    for image in (folder / "a.png", str(folder / "a.png"), noise(0, 33, 47)):
        found = model.predict(image)
        assert np.array_equal(found.ids, written)
        assert found.ids.dtype == np.uint8
        assert found.probabilities.shape == (3, 33, 47)
        assert found.probabilities.dtype == np.float32
        assert np.array_equal(found.probabilities.argmax(axis=0), written)
        assert np.allclose(found.probabilities.sum(axis=0), 1, atol=1e-6)


def test_two_classes_have_two_probabilities(folder: Path) -> None:
    found = segpipe.load(str(folder / "binary.safetensors")).predict(noise(1))
    assert found.probabilities.shape == (2, 24, 32)
    assert np.allclose(found.probabilities.sum(axis=0), 1, atol=1e-6)
    assert np.array_equal(found.probabilities[1] > 0.5, found.ids == 1)
    assert set(np.unique(found.ids)) == {0, 1}


def test_gray_is_taken_for_rgb(folder: Path) -> None:
    gray = noise(3)[:, :, 0]
    model = segpipe.load(folder / "model.onnx")
    wanted = model.predict(np.dstack([gray] * 3)).probabilities
    assert np.array_equal(model.predict(gray).probabilities, wanted)
    assert np.array_equal(model.predict(gray[:, :, None]).probabilities, wanted)


def test_bands_of_16_bits_from_a_tiff_or_a_view(folder: Path, tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 2**16, (20, 30, 5), dtype=np.uint16)
    (tmp_path / "bands.tif").write_bytes(tiff(Page(array, 8)))
    model = segpipe.load(folder / "deep.safetensors")
    assert np.array_equal(model.predict(array[::-1]).ids, model.predict(np.ascontiguousarray(array[::-1])).ids)
    assert np.array_equal(model.predict(tmp_path / "bands.tif").probabilities, model.predict(array).probabilities)


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (np.zeros((4, 4, 3), np.float32), "the array: an image of float32 values. Give the values of the file, uint8 or uint16"),
        (np.zeros((2, 4, 4, 3), np.uint8), r"of shape \(2, 4, 4, 3\). Give one image, \(H, W\) or \(H, W, C\)"),
        (np.zeros((0, 4, 3), np.uint8), "no image, but of shape"),
        (np.zeros((4, 4, 3), np.uint16), "an image that is RGB 16-bit, but the model knows RGB 8-bit ones"),
        (np.zeros((4, 4, 5), np.uint8), "but the model knows RGB 8-bit ones. Save it as RGB 8-bit"),
        ("nowhere.png", "nowhere.png: cannot be read: No such file or directory"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(folder: Path, image: Any, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        segpipe.load(folder / "model.safetensors").predict(image)


def test_no_model_and_no_device_are_refused(folder: Path) -> None:
    with pytest.raises(PipelineError, match="no such model"):
        segpipe.load("nowhere.onnx")
    with pytest.raises(PipelineError, match=r"device cuda: .*model\.onnx is an ONNX model, which runs on the CPU"):
        segpipe.load(folder / "model.onnx", device="cuda")


def test_the_callers_settings_stay(folder: Path) -> None:
    before = torch.get_num_threads(), torch.get_deterministic_debug_mode(), cv2.getNumThreads()
    torch.set_num_threads(3)
    torch.set_deterministic_debug_mode("warn")
    cv2.setNumThreads(2)
    try:
        segpipe.load(folder / "model.safetensors").predict(noise(0))
        assert (torch.get_num_threads(), torch.get_deterministic_debug_mode(), cv2.getNumThreads()) == (3, 1, 2)
    finally:
        torch.set_num_threads(before[0])
        torch.set_deterministic_debug_mode(before[1])
        cv2.setNumThreads(before[2])


def test_several_models_are_averaged_by_their_probabilities_in_tiles_and_whole(folder: Path) -> None:
    segmenter, card = small(seed=5)
    model_file.save(folder / "other.safetensors", segmenter, card)
    files = [folder / "model.safetensors", folder / "other.safetensors"]
    image = noise(4, 40, 50)
    alone = [segpipe.load(file).predict(image).probabilities for file in files]
    both = segpipe.load(*files).predict(image)
    assert np.allclose(both.probabilities, np.mean(alone, axis=0), atol=1e-6)
    assert np.array_equal(both.ids, both.probabilities.argmax(axis=0))
    assert not np.array_equal(both.ids, alone[0].argmax(axis=0))
    # An ONNX model may be one of them.
    mixed = segpipe.load(folder / "model.onnx", folder / "other.safetensors").predict(image)
    assert np.allclose(mixed.probabilities, both.probabilities, atol=1e-4)


def test_of_models_that_take_other_flips_each_takes_its_own(folder: Path) -> None:
    for name, seed in (("flips", 2), ("other_flips", 5)):
        segmenter, card = small(seed=seed)
        card = replace(card, infer=card.infer.model_copy(update={"flips": "horizontal"}))
        model_file.save(folder / f"{name}.safetensors", segmenter, card)
    (folder / "flips.onnx").write_bytes(export.to_onnx(*model_file.load(folder / "flips.safetensors")))
    image = noise(4, 40, 50)
    wanted = segpipe.load(folder / "flips.safetensors", folder / "other_flips.safetensors").predict(image)
    # The ONNX file has its flips inside: the other's are not left out for it.
    for order in (("flips.onnx", "other_flips.safetensors"), ("other_flips.safetensors", "flips.onnx")):
        found = segpipe.load(*(folder / name for name in order)).predict(image)
        assert np.allclose(found.probabilities, wanted.probabilities, atol=1e-4)
    without = segpipe.load(folder / "model.safetensors", folder / "other_flips.safetensors").predict(image)
    assert not np.allclose(without.probabilities, wanted.probabilities, atol=1e-2)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"classes": 2}, "its classes are background, class 1, those of the other background, class 1, class 2"),
        ({"channels": 1}, "it knows gray 8-bit images, the other RGB 8-bit ones"),
    ],
)
def test_models_of_other_classes_or_images_are_not_averaged(folder: Path, changes: dict[str, int], sentence: str) -> None:
    model_file.save(folder / "strange.safetensors", *small(**changes))
    with pytest.raises(PipelineError, match=r"strange\.safetensors cannot be averaged with .*model\.safetensors: " + sentence):
        segpipe.load(folder / "model.safetensors", folder / "strange.safetensors")
