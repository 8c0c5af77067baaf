"""ONNX: what torch predicts, for any size, the same bytes each time, nothing of this machine inside."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch

from segpipe import export
from segpipe.errors import PipelineError
from segpipe.inference import onnx_session
from segpipe.params import ModelParams
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
    images = [noise(0), noise(1, 40, 50)]
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
