"""ONNX: what torch predicts, for any size, the same bytes each time, nothing of this machine inside."""

import copy
import math
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from segpipe import export
from segpipe.errors import PipelineError
from segpipe.inference import onnx_session
from segpipe.params.schema import ModelParams
from segpipe.storage import checksummed
from tests.dataset.packs import noise
from tests.inference.cards import small
from tests.models.suite import ANY_STYLED, OWN_STYLED, SMALL, images, segmenter_of
from tests.structure.imports import ROOT

QUICK = {"attention_unet"}
"""An export takes some seconds: make test does this one and U-Nets, make test-all all of them, and styles."""
ARCHITECTURES = [
    pytest.param(params, id=name, marks=[] if name in QUICK else pytest.mark.slow)
    for name, params in (SMALL | ANY_STYLED["unet"] | OWN_STYLED).items()
]


@pytest.mark.parametrize(("classes", "channels"), [(2, 1), (4, 3), (3, 5)])
def test_it_predicts_what_torch_predicts_at_any_size(classes: int, channels: int) -> None:
    segmenter, card = small(classes, channels)
    forward, found = onnx_session.from_bytes(export.to_onnx(segmenter, card), "model")
    assert found == card
    for shape in ((1, 1), (33, 47), (64, 20)):
        image = torch.rand(2, channels, *shape)
        with torch.inference_mode():
            assert torch.allclose(segmenter(image), forward(image), atol=1e-4)


@pytest.mark.parametrize("params", ARCHITECTURES)
def test_every_architecture_predicts_what_it_predicts_in_torch(params: ModelParams) -> None:
    segmenter = segmenter_of(params)
    with torch.no_grad():
        segmenter.train()(images(2, 3, 64, 64))  # Statistics that are not those of the start.
    card = replace(small(4)[1], model=params)
    forward, found = onnx_session.from_bytes(export.to_onnx(segmenter.eval(), card), "model")
    assert found == card
    for shape in ((1, 1), (33, 47), (64, 20)):
        image = images(2, 3, *shape)
        with torch.inference_mode():
            wanted = segmenter(image)
            assert wanted.isfinite().all()
            torch.testing.assert_close(forward(image), wanted, atol=1e-4, rtol=1e-4)


def test_the_exported_model_stays_as_it_was() -> None:
    segmenter, card = small()
    in_place = [module for module in segmenter.modules() if getattr(module, "inplace", False)]
    assert in_place
    export.to_onnx(segmenter, card)
    assert all(module.inplace for module in in_place)


def test_a_model_of_percentiles_clips_in_onnx_too() -> None:
    segmenter, card = small()
    plain = onnx_session.from_bytes(export.to_onnx(segmenter, card), "model")[0]
    segmenter.clip = True
    clipping = onnx_session.from_bytes(export.to_onnx(segmenter, card), "model")[0]
    image = torch.rand(1, 3, 33, 47)
    with torch.inference_mode():
        assert torch.allclose(segmenter(image), clipping(image), atol=1e-4)
    assert not torch.allclose(plain(image), clipping(image), atol=1e-1)


def test_the_same_weights_give_the_same_bytes_in_any_process() -> None:
    code = (
        "import hashlib; from segpipe import export; from tests.inference.cards import small;"
        "print(hashlib.sha256(export.to_onnx(*small())).hexdigest())"
    )
    hashes = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
        for _ in range(2)
    }
    assert len(hashes) == 1


def test_nothing_of_this_machine_is_inside() -> None:
    content = export.to_onnx(*small())
    assert str(ROOT).encode() not in content
    assert b".py" not in content
    graph = onnx.load_model_from_string(content).graph
    assert [dimension.dim_param for dimension in graph.input[0].type.tensor_type.shape.dim] == ["batch", "", "height", "width"]


def test_the_gate_measures_and_shuts() -> None:
    segmenter, card = small()
    images = [("a", noise(0)), ("b", noise(1, 40, 50))]
    with torch.inference_mode():
        same = export.compare(segmenter, segmenter, card, images)
        other = export.compare(segmenter, lambda image: segmenter(image) + 0.5, card, images)
        flipped = export.compare(segmenter, lambda image: -segmenter(image), card, images)
    assert same == export.Gate(2, 0.0, 1.0)
    assert (other.largest_difference, other.same_pixels) == (pytest.approx(0.5), 1.0)
    assert flipped.same_pixels < 0.5
    export.require(same, 1e-3)
    with pytest.raises(PipelineError, match=r"differs from torch by up to 0\.5 .* It was not written"):
        export.require(other, 1e-3)
    with pytest.raises(PipelineError, match="differs"):
        export.require(export.Gate(1, float("nan"), 1.0), 1e-3)


@pytest.mark.parametrize("off", ["a", "b", "c"])
def test_the_gate_keeps_the_largest_difference_of_all_images(off: str) -> None:
    segmenter, card = small()
    images = {"a": noise(0), "b": noise(1, 40, 50), "c": noise(2, 8, 8)}
    wrong = images[off].shape[:2]
    with torch.inference_mode():
        gate = export.compare(
            segmenter, lambda image: segmenter(image) * (-1 if image.shape[2:] == wrong else 1), card, images.items()
        )
        logits = segmenter(torch.from_numpy(images[off].transpose(2, 0, 1)[None].copy()) / 255)
    assert gate.images == 3
    assert gate.largest_difference == pytest.approx(2 * float(logits.abs().max()), rel=1e-5)
    pixels = {name: image.shape[0] * image.shape[1] for name, image in images.items()}
    # A class changes with the sign nearly everywhere, and in the other images nowhere.
    assert 1 - gate.same_pixels == pytest.approx(pixels[off] / sum(pixels.values()), rel=0.1)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("at", [0, 1])
def test_the_gate_shuts_where_onnx_gives_no_number(value: float, at: int) -> None:
    segmenter, card = small()
    calls: list[int] = []

    def exported(image: torch.Tensor) -> torch.Tensor:
        logits = segmenter(image).clone()
        if len(calls) == at:
            logits[0, 0, 3, 4] = value
        calls.append(at)
        return logits

    with torch.inference_mode():
        gate = export.compare(segmenter, exported, card, [("a", noise(0)), ("b", noise(1))])
    assert gate.largest_difference == math.inf
    with pytest.raises(PipelineError, match=r"differs from torch by up to inf in a logit on 2 images"):
        export.require(gate, 1e9)


def test_the_gate_names_the_image_on_which_torch_gives_no_number() -> None:
    segmenter, card = small()
    broken = copy.deepcopy(segmenter)
    torch.nn.init.constant_(broken.network.head.bias, math.nan)
    with torch.inference_mode(), pytest.raises(PipelineError, match=r"^a/b: the model's logits for it are not finite numbers"):
        export.compare(broken, segmenter, card, [("a/b", noise(0))])


def test_a_gate_that_compared_nothing_is_shut() -> None:
    with pytest.raises(PipelineError, match="no image was there to compare the ONNX model with torch on"):
        export.require(export.compare(*small()[:1], small()[0], small()[1], []), 1e-3)


@pytest.fixture(scope="module")
def exported() -> bytes:
    return export.to_onnx(*small())


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("at", [0, -1])
def test_an_onnx_model_of_weights_that_are_no_numbers_is_refused(at: int, value: float, exported: bytes, tmp_path: Path) -> None:
    model = onnx.load_model_from_string(exported)
    weights = [each for each in model.graph.initializer if each.data_type == onnx.TensorProto.FLOAT and len(each.dims)]
    values = onnx.numpy_helper.to_array(weights[at]).copy()
    values.flat[at] = value
    weights[at].CopyFrom(onnx.numpy_helper.from_array(values, weights[at].name))
    next(entry for entry in model.metadata_props if entry.key == onnx_session.SEAL_KEY).value = checksummed.BLANK
    (tmp_path / "m.onnx").write_bytes(checksummed.closed(model.SerializeToString(deterministic=True), onnx_session.MARK))
    said = rf"m\.onnx: it holds numbers that are not finite \(in {re.escape(weights[at].name)}\), so it predicts nothing"
    with pytest.raises(PipelineError, match=said):
        onnx_session.load(tmp_path / "m.onnx")


def test_the_bound_of_an_operation_may_be_infinite_and_a_constant_no_nan() -> None:
    bound = onnx.numpy_helper.from_array(np.array(np.inf, np.float32), "bound")
    assert onnx_session._is_finite(bound)
    assert not onnx_session._is_finite(onnx.numpy_helper.from_array(np.array(np.nan, np.float32), "bound"))
    assert not onnx_session._is_finite(onnx.numpy_helper.from_array(np.array([1, np.inf], np.float16), "weights"))
    assert onnx_session._is_finite(onnx.numpy_helper.from_array(np.array([2**62]), "sizes"))


@pytest.mark.parametrize("content", [b"", b"not onnx", None])
def test_other_files_are_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "model.onnx"
    if content is None:
        with pytest.raises(PipelineError, match="no such model"):
            onnx_session.load(path)
        return
    path.write_bytes(content)
    with pytest.raises(PipelineError, match="not a model that segpipe exported"):
        onnx_session.load(path)
