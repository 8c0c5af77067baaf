"""Training on a tenth of the annotated pixels, the others ignored: what it learns fits the pixels that it never saw."""

import base64
import contextlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from segpipe.dataset import pack
from segpipe.params import schema
from segpipe.params.load import load_params
from segpipe.params.stage_keys import TrainKeys
from segpipe.training import device as devices
from segpipe.training import loop
from segpipe.workflows.assemble import Training, assemble
from segpipe.workflows.training_data import read_fold
from stages import convert, split
from tests.pipeline.conftest import set_params
from tests.torture import overfit

Mask = NDArray[np.uint8]
SIZE, KEPT = 64, 0.1


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample with every pixel annotated, ready to train on."""
    folder = tmp_path_factory.mktemp("whole")
    changes = overfit.settings(SIZE, batch=8, epochs=40)
    changes["data"]["sample"]["n_images"] = 40
    changes["model"] |= {"width": 8, "depth": 3}
    changes["optim"]["lr"] = 0.01
    changes["train"]["limit_images"] = 0
    overfit.sample(folder, changes)
    return folder


def prepared(folder: Path) -> pack.Pack:
    return pack.open_pack(folder / "data/prepared")


def few(mask: Mask, seed: int) -> NDArray[np.bool_]:
    """A tenth of the pixels."""
    return np.random.default_rng(seed).random(mask.shape) < KEPT


def drawn(label: str, pixels: NDArray[np.bool_]) -> dict[str, Any]:
    """labelme's shape of these pixels of an image."""
    stream = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(stream, "PNG")
    corners = [[0, 0], [pixels.shape[1] - 1, pixels.shape[0] - 1]]
    return {"label": label, "points": corners, "shape_type": "mask", "mask": base64.b64encode(stream.getvalue()).decode()}


def sparse(whole: Path, folder: Path, **data: Any) -> Path:
    """The same images and split, with shapes on a tenth of the pixels of each, background among them."""
    shutil.copytree(whole, folder, ignore=shutil.ignore_patterns("prepared", "doctor", "folds"))
    dense = prepared(whole)
    for seed, item in enumerate(dense.index.index):
        mask, path = dense.mask(item), folder / f"data/raw/{item}.json"
        kept = few(mask, seed)
        content = json.loads(path.read_text())
        content["shapes"] = [drawn(name, kept & (mask == at)) for at, name in enumerate(dense.info.classes)]
        content["shapes"] = [
            shape for shape in content["shapes"] if (mask[kept] == dense.info.classes.index(shape["label"])).any()
        ]
        path.write_text(json.dumps(content))
    set_params(folder, {"data": {"shapes": {"undrawn": "ignore"}} | data})
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
        convert.main()
        split.main()
    return folder


@pytest.fixture(scope="module")
def tenth(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sparse(whole, tmp_path_factory.mktemp("tenth") / "x")


def test_the_masks_hold_the_drawn_pixels_and_ignore_the_others(whole: Path, tenth: Path) -> None:
    dense, kept = prepared(whole), prepared(tenth)
    for seed, item in enumerate(dense.index.index):
        mask = dense.mask(item)
        assert np.array_equal(kept.mask(item), np.where(few(mask, seed), mask, 255))


def test_masks_whose_0_is_not_looked_at_are_read_as_the_same(whole: Path, tenth: Path, tmp_path: Path) -> None:
    dense, kept = prepared(whole), prepared(tenth)
    for seed, item in enumerate(dense.index.index):
        mask = dense.mask(item)
        path = tmp_path / f"data/raw/masks/{item}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.where(few(mask, seed), mask + 1, 0).astype(np.uint8)).save(path)
        image = tmp_path / f"data/raw/images/{item}{dense.suffixes[item]}"
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(dense.images[item].read())
    shutil.copy(tenth / "params.yaml", tmp_path)
    names = list(dense.info.classes)
    masks = {"classes": names, "values": "codes", "codes": [*range(1, len(names) + 1)], "ignore_index": 0}
    set_params(tmp_path, {"data": {"source": "masks", "path": str(tmp_path / "data/raw"), "masks": masks}})
    with contextlib.chdir(tmp_path), contextlib.redirect_stdout(io.StringIO()):
        convert.main()
    assert prepared(tmp_path).index["mask_sha256"].tolist() == kept.index["mask_sha256"].tolist()


def training_of(folder: Path, params: schema.Params) -> Training:
    with contextlib.chdir(folder):
        return assemble(TrainKeys.of(params), read_fold(0), torch.device("cpu"), {})


@pytest.mark.slow
def test_it_learns_what_it_was_not_shown(whole: Path, tenth: Path) -> None:
    params = load_params(tenth / "params.yaml")
    devices.configure_determinism(params.threads, params.train.deterministic)
    training, truth = training_of(tenth, params), training_of(whole, params)
    assert training.data.train_ids == truth.data.train_ids
    assert training.data.validation_ids == truth.data.validation_ids
    with contextlib.chdir(tenth):
        best = loop.fit(training.run)
    truth.segmenter.load_state_dict(training.segmenter.state_dict())
    with contextlib.chdir(whole):
        unseen = truth.run.validate(truth.run, {})["val_dice"]
    assert best.score > 0.6
    assert unseen > 0.6
    assert abs(unseen - best.score) < 0.15
