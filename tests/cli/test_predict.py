"""segpipe predict: files and folders, torch and ONNX, and what does not fit is named."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from segpipe import export
from segpipe.cli import predict as command
from segpipe.errors import PipelineError
from segpipe.images.decode import decode_mask
from segpipe.images.tiff_rows import TiffRows
from segpipe.models import model_file
from segpipe.models.segmenter import Segmenter
from segpipe.storage.byte_source import FileRange
from tests.cli.in_process import segpipe
from tests.dataset.packs import noise
from tests.images.tiff_files import Page, Tag, tiff
from tests.inference.cards import small
from tests.structure.imports import ROOT


@pytest.fixture(autouse=True)
def outside_of_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model is held against the data of the project that it is used in: here there is none, also where ours was run."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predict")
    segmenter, card = small()
    model_file.save(folder / "model.safetensors", segmenter, card)
    (folder / "model.onnx").write_bytes(export.to_onnx(segmenter, card))
    (folder / "in" / "deep").mkdir(parents=True)
    Image.fromarray(noise(0, 33, 47)).save(folder / "in" / "a.png")
    Image.fromarray(noise(1)[:, :, 0]).save(folder / "in" / "deep" / "gray.png")
    return folder


def gated() -> tuple[Segmenter, model_file.Card]:
    """An Attention U-Net with random weights, and its card."""
    torch.manual_seed(0)
    card = small()[1]
    card = replace(card, model=card.model.model_copy(update={"name": "attention_unet"}))
    return model_file.empty(card), card


def in_tiles() -> tuple[Segmenter, model_file.Card]:
    """A model that cuts even small images into tiles of 64 pixels."""
    segmenter, card = small()
    return segmenter, replace(card, infer=card.infer.model_copy(update={"max_pixels": 4096, "tile": 64}))


def predict(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return segpipe(folder, "predict", *arguments)


def in_its_own_process(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "segpipe.cli.main", "predict", *arguments],
        cwd=folder, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip


def test_torch_and_onnx_write_the_same_masks(folder: Path) -> None:
    for model, run in (("model.safetensors", predict), ("model.onnx", in_its_own_process)):
        result = run(folder, "in", "--model", model, "--out", f"out-{model}")
        assert result.returncode == 0, result.stderr
        assert "2 images" in result.stdout
    for name in ("a.png", "deep/gray.png"):
        torchs, onnxs = (
            decode_mask((folder / f"out-{model}" / "masks" / name).read_bytes(), name)
            for model in ("model.safetensors", "model.onnx")
        )
        assert (torchs == onnxs).mean() > 0.999
        assert (folder / "out-model.onnx" / "overlays" / name).is_file()
    assert torchs.shape == (24, 32)
    assert len(np.unique(torchs)) > 1


def test_what_cannot_be_predicted_is_named_and_the_rest_is_written(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    Image.fromarray(noise(0)[:, :, 0].astype(np.uint16) * 200).save(tmp_path / "deep.png")
    Image.fromarray(noise(0)).save(tmp_path / "good.png")
    cut = tiff(Page(noise(0)), Page(noise(1), tags={273: (4, [2**30])}))
    (tmp_path / "cut.tif").write_bytes(cut)
    result = predict(folder, str(tmp_path), "--model", "model.safetensors", "--out", str(tmp_path / "out"))
    assert result.returncode == 2
    assert "broken.png: not an image that can be read" in result.stderr
    assert "deep.png: an image that is gray 16-bit, but the model knows RGB 8-bit ones" in result.stderr
    assert "3 images were left out; 2 are in" in result.stderr
    assert "Traceback" not in result.stderr
    assert [path.name for path in sorted((tmp_path / "out" / "masks").rglob("*.png"))] == ["0000.png", "good.png"]
    assert "page 2 of" in result.stderr


def test_each_page_of_a_file_is_predicted(folder: Path, tmp_path: Path) -> None:
    pages = [noise(number) for number in range(2)]
    (tmp_path / "stack.tif").write_bytes(tiff(*map(Page, pages)))
    for number, page in enumerate(pages):
        Image.fromarray(page).save(tmp_path / f"{number}.png")
    result = predict(folder, str(tmp_path), "--model", "model.onnx", "--out", str(tmp_path / "out"))
    assert result.returncode == 0, result.stderr
    for number in range(2):
        masks = [(tmp_path / "out/masks" / name).read_bytes() for name in (f"stack/{number:04d}.png", f"{number}.png")]
        assert masks[0] == masks[1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.png", "--model", "model.onnx"], "nowhere.png: no such file or folder"),
        (["in", "--model", "no.onnx"], "no.onnx: no such model"),
        (["in", "--model", "no.safetensors"], "no.safetensors: no such model"),
        (["in/a.png", "in", "--model", "model.onnx"], "would both be written as a.png"),
        (["empty", "--model", "model.onnx"], "no images in empty"),
    ],
)
def test_mistakes_have_their_sentence(folder: Path, arguments: list[str], sentence: str) -> None:
    (folder / "empty").mkdir(exist_ok=True)
    result = predict(folder, *arguments)
    assert result.returncode == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


def test_attention_writes_a_picture_an_image_beside_the_rest(folder: Path) -> None:
    segmenter, card = gated()
    model_file.save(folder / "gated.safetensors", segmenter, card)
    result = predict(
        folder,
        "in",
        "--model",
        "gated.safetensors",
        "--out",
        "seen",
        "--write",
        "attention",
        "--write",
        "masks",
        "--write",
        "overlays",
    )
    assert result.returncode == 0, result.stderr
    assert "look at seen/attention" in result.stdout
    written = {path.relative_to(folder / "seen").as_posix() for path in (folder / "seen").rglob("*.png")}
    assert written == {f"{kind}/{name}.png" for kind in ("masks", "overlays", "attention") for name in ("a", "deep/gray")}
    with Image.open(folder / "seen/attention/a.png") as picture:
        # Two panels of 256 pixels: the image, and the one gate that a depth of 2 has.
        assert picture.width == 2 * 256 + 3 * 12


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (
            "model.onnx",
            "--write attention: .*model.onnx gives logits alone. Name the torch model: --model models/fold0/model.safetensors",
        ),
        (
            "model.safetensors",
            "--write attention: a unet has no attention maps. Train one that has some: model.name attention_unet",
        ),
    ],
)
def test_a_model_without_attention_is_named_before_anything_is_predicted(folder: Path, model: str, sentence: str) -> None:
    with pytest.raises(PipelineError, match=sentence):
        command.predict([folder / "in"], [folder / model], False, folder / "nothing", ["attention"], "cpu")
    assert not (folder / "nothing").exists()


@pytest.mark.parametrize("bands", [1, 3])
def test_a_tiff_that_is_read_by_rows_gives_what_the_same_pixels_give_at_once(
    folder: Path, tmp_path: Path, bands: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_file.save(tmp_path / "m", *in_tiles())
    array = noise(7, 150, 110)[:, :, :bands]
    Image.fromarray(array if bands == 3 else array[:, :, 0]).save(tmp_path / "at_once.png")
    tags: dict[int, Tag] = {262: (3, [2])} if bands == 3 else {}
    (tmp_path / "by_rows.tif").write_bytes(tiff(Page(array, 8, rows=16, tags=tags)))
    asked, own = [], TiffRows.__getitem__
    monkeypatch.setattr(TiffRows, "__getitem__", lambda rows, part: asked.append(part) or own(rows, part))
    read = FileRange.read
    monkeypatch.setattr(FileRange, "read", lambda part: pytest.fail("whole") if part.file.suffix == ".tif" else read(part))
    command.predict([tmp_path], [tmp_path / "m"], False, tmp_path / "out", ["masks", "overlays", "areas"], "cpu")
    assert len(asked) == 3 + 1, "three rows of tiles, and the overlay"
    for kind in ("masks", "overlays"):
        found, wanted = ((tmp_path / "out" / kind / f"{name}.png").read_bytes() for name in ("by_rows", "at_once"))
        assert found == wanted


def test_a_large_tiff_that_does_not_fit_or_ends_too_soon_is_named(folder: Path, tmp_path: Path) -> None:
    model_file.save(tmp_path / "m", *in_tiles())
    array = noise(7, 150, 110)
    (tmp_path / "bands.tif").write_bytes(tiff(Page(np.dstack([array, array]), rows=16)))
    (tmp_path / "cut.tif").write_bytes(tiff(Page(array, rows=50, tags={262: (3, [2]), 273: (4, [8, 8, 2**30])})))
    with pytest.raises(PipelineError) as caught:
        command.predict([tmp_path], [tmp_path / "m"], False, tmp_path / "out", [], "cpu")
    assert "bands.tif: an image that is 6-channel 8-bit, but the model knows RGB 8-bit ones" in str(caught.value)
    assert "cut.tif: a damaged image (the file ends before its pixels)" in str(caught.value)
    assert "2 images were left out" in str(caught.value)


def test_the_models_of_all_folds_are_averaged(tmp_path: Path) -> None:
    for fold, seed in ((2, 5), (10, 7), (0, 2)):
        model_file.save(tmp_path / f"models/fold{fold}/model.safetensors", *small(seed=seed))
    Image.fromarray(noise(0)).save(tmp_path / "a.png")
    named = [word for fold in (0, 2, 10) for word in ("--model", f"models/fold{fold}/model.safetensors")]
    for out, arguments in (("named", named), ("folds", ["--folds"]), ("alone", named[:2])):
        result = predict(tmp_path, "a.png", "--out", out, *arguments)
        assert result.returncode == 0, result.stderr
    masks = [(tmp_path / out / "masks/a.png").read_bytes() for out in ("named", "folds", "alone")]
    assert masks[0] == masks[1] != masks[2]
    for arguments, sentence in (
        (["--folds", *named], "--folds takes the models of all folds, and --model names others"),
        (["--write", "attention", *named], "--write attention: 3 models look each at something else"),
    ):
        result = predict(tmp_path, "a.png", *arguments)
        assert result.returncode == 2 and sentence in result.stderr
    (tmp_path / "empty").mkdir()
    assert "--folds: no models/foldN/model.safetensors here" in predict(tmp_path / "empty", "../a.png", "--folds").stderr
