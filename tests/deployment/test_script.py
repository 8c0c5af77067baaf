"""The deployment script: the ids of `segpipe predict` by three packages alone, the same bytes, a refusal where it cannot."""

import importlib.util
import json
import os
import re
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from segpipe import export
from segpipe.deployment import script
from segpipe.models import model_file
from segpipe.models.model_file import Card
from segpipe.models.segmenter import Segmenter
from segpipe.storage import checksummed
from segpipe.workflows.predict import predict
from tests.dataset.packs import noise
from tests.inference.cards import sealed, small
from tests.structure.imports import ROOT

NEEDS = ("onnxruntime", "numpy", "pillow")
GUARD = """
import runpy, sys
class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {banned}:
            raise ModuleNotFoundError(f"No module named {{name!r}}")
sys.meta_path.insert(0, Guard())
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def models() -> dict[str, tuple[bytes, Card]]:
    """Models without a layer, whose class is a channel, by how bright each is, or of one channel whether it is bright."""
    found = {}
    for name, channels, bits in (("colour", 3, 8), ("gray", 1, 8), ("deep", 1, 16)):
        card = replace(small(max(2, channels), channels)[1], bits=bits)
        as_it_is = Segmenter(torch.nn.Identity(), 1, [0.5] * channels, [0.25, 0.5, 0.2][:channels])
        found[name] = export.to_onnx(as_it_is, card), card
    return found


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """models/export of three models, each in a folder of its name."""
    folder = tmp_path_factory.mktemp("exported")
    for name, (content, _) in models().items():
        deployed(folder / name, content)
    return folder


def deployed(folder: Path, content: bytes) -> Path:
    folder.mkdir()
    (folder / "model.onnx").write_bytes(content)
    (folder / "predict.py").write_bytes(script.content())
    return folder


def loaded(folder: Path) -> ModuleType:
    """The script of a folder, as a module."""
    spec = importlib.util.spec_from_file_location("deployed", folder / "predict.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def with_card(folder: Path, content: bytes, **changes: Any) -> Path:
    """The same model with another card."""
    model = onnx.load_model_from_string(content)
    (held,) = [entry for entry in model.metadata_props if entry.key == checksummed.KEY]
    card = json.loads(held.value)
    card["infer"] |= changes.pop("infer", {})
    held.value = json.dumps(card | changes)
    return deployed(folder, sealed(model))


def turned(path: Path, format: str) -> None:
    """An image that its file turns by a quarter."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(noise(4, 20, 31)).save(path, format=format, exif=exif)


FITTING: dict[str, tuple[str, Callable[[Path], object]]] = {
    "colour.png": ("colour", lambda path: Image.fromarray(noise(0, 33, 47)).save(path)),
    "gray.png": ("colour", lambda path: Image.fromarray(noise(1)[:, :, 0]).save(path)),
    "alpha.png": ("colour", lambda path: Image.fromarray(noise(2, channels=4), "RGBA").save(path)),
    "palette.png": ("colour", lambda path: Image.fromarray(noise(3)).quantize(7).save(path)),
    "cmyk.jpg": ("colour", lambda path: Image.fromarray(noise(5)).convert("CMYK").save(path)),
    "turned.jpg": ("colour", lambda path: turned(path, "JPEG")),
    "turned.png": ("colour", lambda path: turned(path, "PNG")),
    "turned.tif": ("colour", lambda path: turned(path, "TIFF")),
    "a.webp": ("colour", lambda path: Image.fromarray(noise(6)).save(path, lossless=True)),
    "plain.png": ("gray", lambda path: Image.fromarray(noise(7)[:, :, 0]).save(path)),
    "bits.png": ("gray", lambda path: Image.fromarray(noise(8)[:, :, 0] > 99).save(path)),
    "with alpha.png": ("gray", lambda path: Image.fromarray(noise(9, channels=2), "LA").save(path)),
    "deep.png": ("deep", lambda path: path.write_bytes(png_16(noise(0)[:, :, 0]))),
    "deep.tif": ("deep", lambda path: Image.fromarray(noise(1)[:, :, 0].astype(np.uint16) * 251).save(path)),
}


def png_16(values: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".png", values.astype(np.uint16) * 257 + 3)[1])


@pytest.mark.parametrize("name", FITTING)
def test_the_ids_are_those_of_segpipe_predict_bit_for_bit(
    name: str, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kind, write = FITTING[name]
    write(tmp_path / name)
    predict([Path(name)], [exported / kind / "model.onnx"], False, Path("out"), ["masks"], "cpu")
    predicted = Image.open(next(Path("out/masks").iterdir()))
    wanted = np.asarray(predicted)
    loaded(exported / kind).main(name, "mask.png")
    mask = Image.open("mask.png")
    assert mask.mode == "P"
    assert np.array_equal(np.asarray(mask), wanted) and len(np.unique(wanted)) > 1
    # Colours as those that predict shows.
    assert np.array_equal(np.asarray(mask.convert("RGB")), np.asarray(predicted.convert("RGB")))
    first = Path("mask.png").read_bytes()
    loaded(exported / kind).main(name, "again.png")
    assert Path("again.png").read_bytes() == first


def test_a_model_over_flips_is_deployed_with_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    segmenter, card = small()
    turned = replace(card, infer=card.infer.model_copy(update={"flips": "both"}))
    folder = deployed(tmp_path / "export", export.to_onnx(segmenter, turned))
    Image.fromarray(noise(0, 33, 47)).save("a.png")
    # By torch, whose flips are outside of the network.
    for name, each in (("flips", turned), ("plain", card)):
        model_file.save(Path(f"{name}.safetensors"), segmenter, each)
        predict([Path("a.png")], [Path(f"{name}.safetensors")], False, Path(name), ["masks"], "cpu")
    loaded(folder).main("a.png", "mask.png")
    mask, flips, plain = (np.asarray(Image.open(each)) for each in ("mask.png", "flips/masks/a.png", "plain/masks/a.png"))
    assert np.mean(mask != flips) <= 1e-3 < np.mean(mask != plain)


def cut_off(path: Path) -> None:
    Image.fromarray(noise(0)).save(path)
    path.write_bytes(path.read_bytes()[:-9])


REFUSED: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "deep.png": ("colour", lambda path: path.write_bytes(png_16(noise(0))), "no image of 3 channels and 8 bits"),
    "gray16.png": ("colour", lambda path: path.write_bytes(png_16(noise(0)[:, :, 0])), "no image of 3 channels and 8 bits"),
    "colour.png": ("gray", lambda path: Image.fromarray(noise(0)).save(path), "no image of 1 channels and 8 bits"),
    "shallow.png": ("deep", lambda path: Image.fromarray(noise(0)[:, :, 0]).save(path), "no image of 1 channels and 16 bits"),
    "floats.tif": ("gray", lambda path: Image.fromarray(noise(0)[:, :, 0] / np.float32(2)).save(path), "no image of 1 channels"),
    "text.png": ("colour", lambda path: path.write_text("text"), "cannot be read: cannot identify"),
    "cut.bmp": ("colour", cut_off, "cannot be read: .*truncated"),
    "nowhere.png": ("colour", lambda path: None, "cannot be read: .*No such file"),
    "pages.tif": (
        "colour",
        lambda path: Image.fromarray(noise(0)).save(path, save_all=True, append_images=[Image.fromarray(noise(1))]),
        "several pages",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_segpipe_would_refuse_too_is_refused(name: str, exported: Path, tmp_path: Path) -> None:
    kind, write, reason = REFUSED[name]
    write(tmp_path / name)
    with pytest.raises(SystemExit, match=f"{name}: .*{reason}"):
        loaded(exported / kind).main(str(tmp_path / name), str(tmp_path / "mask.png"))
    assert not (tmp_path / "mask.png").exists()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"long_side": 31}, "a.png: larger than what is predicted whole. Use `segpipe predict` instead."),
        ({"infer": {"max_pixels": 24 * 32 - 1}}, "a.png: larger than what is predicted whole. Use `segpipe predict` instead."),
        ({"infer": {"flips": "all"}}, "model.onnx: its masks are more than its labels of one view"),
        ({"infer": {"scales": [1.0, 1.5]}}, "model.onnx: its masks are more than its labels of one view"),
        ({"decision": {"rule": "dice", "steps": []}}, "model.onnx: its masks are more than its labels of one view"),
        ({"decision": {"rule": "argmax", "steps": [1]}}, "model.onnx: its masks are more than its labels of one view"),
        ({"infer": {"yet_unknown": 0.4}}, "model.onnx: its masks are more than its labels of one view"),
    ],
)
def test_what_it_does_not_do_is_refused(changes: dict[str, Any], reason: str, exported: Path, tmp_path: Path) -> None:
    content = (exported / "colour/model.onnx").read_bytes()
    image = tmp_path / "a.png"
    Image.fromarray(noise(0)).save(image)
    loaded(with_card(tmp_path / "fits", content, long_side=32, infer={"max_pixels": 24 * 32})).main(
        str(image), str(image.with_name("m"))
    )
    with pytest.raises(SystemExit, match=re.escape(reason)):
        loaded(with_card(tmp_path / "other", content, **changes)).main(str(image), str(tmp_path / "mask.png"))
    assert not (tmp_path / "mask.png").exists()


def test_it_imports_nothing_but_its_three_packages(exported: Path, tmp_path: Path) -> None:
    Image.fromarray(noise(0)).save(tmp_path / "a.png")
    banned = ("segpipe", "stages", "torch", "onnx", "cv2", "pandas", "scipy", "pydantic", "yaml")
    code = f"import sys; sys.argv = {[str(exported / 'colour/predict.py'), 'a.png', 'mask.png']!r}\n" + GUARD.format(
        banned=banned
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert (tmp_path / "mask.png").is_file()


@pytest.mark.slow
def test_it_runs_in_an_environment_of_these_three_alone(exported: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env/bin/python"
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lock if line.split("==")[0] in NEEDS]
    assert len({line.split("==")[0] for line in pins}) == 3
    (tmp_path / "three.txt").write_text("\n".join(pins))
    # Not the environment of the tests by another way.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--requirement", tmp_path / "three.txt"], check=True, env=env)
    Image.fromarray(noise(0, 60, 80)).save(tmp_path / "a.png")
    command = [exported / "colour/predict.py", "a.png"]
    for one, name in ((python, "alone.png"), (sys.executable, "here.png")):
        subprocess.run([one, *command, name], cwd=tmp_path, check=True, env=env)
    assert (tmp_path / "alone.png").read_bytes() == (tmp_path / "here.png").read_bytes()
    usage = subprocess.run([python, command[0]], cwd=tmp_path, capture_output=True, text=True, env=env, check=False)
    assert (usage.returncode, usage.stderr) == (1, "python predict.py IMAGE MASK.png\n")
