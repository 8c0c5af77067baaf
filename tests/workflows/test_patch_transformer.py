"""A vision transformer of DINOv2's patch, random and small, all the way: trained, cut off and gone on, predicted, exported."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from segpipe import export, parity, paths
from segpipe.dataset.split import folds
from segpipe.inference import onnx_session
from segpipe.inference.predict import predict_classes
from segpipe.params.schema import ExportParams
from segpipe.params.stage_keys import TrainKeys
from segpipe.training import loop, resume
from segpipe.workflows.assemble import Training, assemble
from segpipe.workflows.training_data import read_fold
from tests import plain_params
from tests.dataset.packs import made, noise
from tests.models.small_transformers import DINOV2, make_decoder_small, make_small

CPU = torch.device("cpu")
SIZES = ((5, 70), (56, 42), (61, 93), (150, 33))


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with data and folds, of images of many sizes."""
    make_small(monkeypatch)
    make_decoder_small(monkeypatch)
    monkeypatch.chdir(tmp_path)
    sizes = dict(zip("abcdef", ((60, 80), (57, 43), (90, 90), (61, 33), (45, 120), (70, 70)), strict=True))
    halves = {
        name: np.tile(np.arange(width) * 2 // width, (height, 1)).astype(np.uint8) for name, (height, width) in sizes.items()
    }
    made(tmp_path / "data", {name: (noise(number, *sizes[name]), halves[name]) for number, name in enumerate(sizes)})
    folds.write(paths.FOLDS, dict.fromkeys("ab", "0") | dict.fromkeys("cde", "1") | {"f": "test"})


def training() -> Training:
    params = TrainKeys.of(plain_params.PARAMS)
    changes: dict[str, dict[str, Any]] = {
        "model": {"name": "smp", "architecture": "DPT", "encoder": DINOV2},
        "input": {"crop": 42},
        "infer": {"tile": 42, "max_pixels": 6000},
        "train": {"epochs": 2, "batch_size": 2},
        "runtime": {"workers": 0},
    }
    sections = {name: getattr(params, name).model_copy(update=values) for name, values in changes.items()}
    return assemble(params.model_copy(update=sections), read_fold(0), CPU, {"torch": "2"})


class CutError(Exception):
    """Stands for a kill."""


def cut_after(calls: int, save: Any) -> Any:
    left = [calls]

    def dying(run: loop.Run) -> None:
        left[0] -= 1
        if not left[0]:
            save(run)
            raise CutError

    return dying


def test_it_trains_and_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    whole = training()
    assert whole.segmenter.stride == 14
    before = {name: tensor.clone() for name, tensor in whole.segmenter.named_parameters()}
    wanted = loop.fit(whole.run)
    still = {name for name, tensor in whole.segmenter.named_parameters() if torch.equal(tensor, before[name])}
    assert still == {f"network.encoder.model.norm.{kind}" for kind in ("weight", "bias")}
    states, cut = resume.SavedStates(tmp_path / "states", 0.0), training().run
    with pytest.raises(CutError):
        loop.fit(dataclasses.replace(cut, save_state=cut_after(3, states.saver(None))))
    resumed = training().run
    assert states.restore(resumed, None)
    found = loop.fit(resumed)
    assert found.epoch == wanted.epoch
    assert all(torch.equal(tensor, found.weights[name]) for name, tensor in wanted.weights.items())


def test_it_predicts_images_of_any_size_whole_and_in_tiles() -> None:
    trained = training()
    model, infer = trained.segmenter.eval(), trained.params.infer
    for size in (*SIZES, (100, 111)):
        found = predict_classes(model, noise(1, *size), infer, 0, CPU, "image")
        assert found.classes.shape == size


@pytest.mark.slow
def test_its_onnx_predicts_what_it_predicts_at_any_size() -> None:
    trained = training()
    with torch.no_grad():
        trained.segmenter.train()(torch.rand(2, 3, 56, 56))  # Statistics that are not those of the start.
    card = dataclasses.replace(trained.card, training=trained.card.training | {"params": {"threads": 1}})
    content = export.to_onnx(trained.segmenter.eval(), card)
    forward, _ = onnx_session.from_bytes(content, "model")
    both = onnx_session.both_outputs(content, card)
    images = [(str(size), noise(2, *size), np.zeros(size, np.uint8)) for size in SIZES]
    names = [name for name, _, _ in images]
    gate = parity.compare(trained.segmenter, forward, both, card, images, names, "test", len(images))
    parity.require(gate, ExportParams(n_images=0, tolerance=1e-4, changed_pixels=1e-4, score_tolerance=1e-4))
