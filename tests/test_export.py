"""ONNX: what torch predicts, for any size, with class ids, the same bytes each time, nothing of this machine inside."""

import json
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
from segpipe.inference.average import over_flips
from segpipe.models.segmenter import Segmenter, classes_of
from segpipe.params.schema import ModelParams
from segpipe.storage import checksummed
from tests.inference.cards import sealed, small
from tests.models.suite import ANY_STYLED, OWN_STYLED, SMALL, images, segmenter_of
from tests.structure.imports import ROOT

QUICK = {"attention_unet"}
"""An export takes some seconds: make test does this one and U-Nets, make test-all all of them, and styles."""
ARCHITECTURES = [
    pytest.param(params, id=name, marks=[] if name in QUICK else pytest.mark.slow)
    for name, params in (SMALL | ANY_STYLED["unet"] | OWN_STYLED).items()
]


@pytest.fixture(scope="module")
def exported() -> bytes:
    return export.to_onnx(*small())


@pytest.mark.parametrize(("classes", "channels"), [(2, 1), (4, 3), (3, 5)])
def test_it_predicts_what_torch_predicts_at_any_size(classes: int, channels: int) -> None:
    segmenter, card = small(classes, channels)
    content = export.to_onnx(segmenter, card)
    forward, found = onnx_session.from_bytes(content, "model")
    assert found == card
    both = onnx_session.both_outputs(content, card)
    for shape in ((1, 1), (33, 47), (64, 20)):
        image = torch.rand(3, channels, *shape)
        with torch.inference_mode():
            assert torch.allclose(segmenter(image), forward(image), atol=1e-4)
        logits, labels = both(image)
        assert torch.equal(labels, classes_of(logits))
        # Three at once are three one by one.
        singles = [both(each[None]) for each in image]
        torch.testing.assert_close(logits, torch.cat([each for each, _ in singles]))
        assert torch.equal(labels, torch.cat([each for _, each in singles]))


@pytest.mark.parametrize("flips", ["horizontal", "all"])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_mean_over_flips_is_inside(flips: str, classes: int) -> None:
    segmenter, card = small(classes)
    turned = replace(card, infer=card.infer.model_copy(update={"flips": flips}))
    content = export.to_onnx(segmenter, turned)
    forward, found = onnx_session.from_bytes(content, "model")
    # Who predicts with it, segpipe as any other, takes one view.
    assert found == card
    assert "the mean over the image and flips of it" in onnx.load_model_from_string(content).doc_string
    both = onnx_session.both_outputs(content, found)
    for shape in ((1, 1), (33, 47), (64, 20)):
        image = torch.rand(3, 3, *shape)
        with torch.inference_mode():
            wanted = over_flips(segmenter, flips)(image)
            assert shape == (1, 1) or not torch.allclose(wanted, segmenter(image), atol=0.1)
        logits, labels = both(image)
        assert torch.allclose(wanted, logits, atol=1e-4) and torch.equal(forward(image), logits)
        assert torch.equal(labels, classes_of(logits))
        # An image and its mirror image are predicted alike.
        assert torch.allclose(forward(image.flip(-1)).flip(-1), logits, atol=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_mean_over_flips_is_as_exact_where_the_model_is_sure(classes: int) -> None:
    segmenter, card = small(classes)
    turned = replace(card, infer=card.infer.model_copy(update={"flips": "horizontal"}))
    # Up to probabilities beyond what a float32 holds, whose logarithm is -87.3 at least.
    head = segmenter.network.head
    assert isinstance(head, torch.nn.Conv2d)
    with torch.no_grad():
        head.weight *= 600
    both = onnx_session.both_outputs(export.to_onnx(segmenter, turned), card)
    image = torch.rand(4, 3, 96, 80)
    with torch.inference_mode():
        wanted, single = over_flips(segmenter, "horizontal")(image), segmenter(image)
    assert single.abs().max() > 200 and wanted.abs().max() > 200
    logits, labels = both(image)
    torch.testing.assert_close(logits, wanted, rtol=1e-5, atol=1e-3)
    # By twice the digits, and the probabilities themselves.
    views = torch.stack([single, segmenter(image.flip(-1)).detach().flip(-1)]).double()
    both_classes = torch.cat([torch.zeros_like(views), views], dim=2) if classes == 2 else views
    mean = both_classes.log_softmax(dim=2).logsumexp(dim=0) - math.log(2)
    torch.testing.assert_close(wanted.double(), mean[:, 1:] - mean[:, :1] if classes == 2 else mean, rtol=1e-5, atol=1e-3)
    assert (labels != classes_of(wanted)).float().mean() < 1e-3


@pytest.mark.parametrize("n_logits", [1, 2, 4])
def test_labels_are_the_classes_of_the_logits_where_these_tie_too(n_logits: int) -> None:
    classes = max(n_logits, 2)
    card = replace(small(classes)[1], channels=n_logits)
    # Without a layer: the logits are the image's values.
    as_they_are = Segmenter(torch.nn.Identity(), 1, [0.0] * n_logits, [1.0] * n_logits)
    both = onnx_session.both_outputs(export.to_onnx(as_they_are, card), card)
    # Of three values, so that most pixels have several largest ones, or are 0 where there is one logit.
    values = torch.from_numpy(np.random.default_rng(0).integers(-1, 2, (3, n_logits, 20, 30)).astype(np.float32))
    logits, labels = both(values)
    assert torch.equal(logits, values)
    assert labels.dtype == torch.uint8 and labels.shape == (3, 20, 30)
    assert torch.equal(labels, classes_of(values))
    assert n_logits == 1 or (values == values.amax(dim=1, keepdim=True)).sum(dim=1).max() == n_logits


def test_a_stranger_can_read_what_the_file_gives(exported: bytes) -> None:
    model = onnx.load_model_from_string(exported)
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert set(about) == {"segpipe", "segpipe_seal", "classes", "colours"}
    assert json.loads(about["classes"]) == ["background", "class 1", "class 2"]
    assert json.loads(about["colours"]) == [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    outputs = {each.name: each.type.tensor_type for each in model.graph.output}
    axes = {name: [each.dim_param or each.dim_value for each in kind.shape.dim] for name, kind in outputs.items()}
    assert axes == {"logits": ["batch", 3, "height", "width"], "labels": ["batch", "height", "width"]}
    assert outputs["labels"].elem_type == onnx.TensorProto.UINT8
    assert "divided by 255" in model.doc_string


def test_a_class_may_be_called_as_the_seal_is_written() -> None:
    _, card = small(2, 1)
    hostile = replace(card, classes=("background", f"{onnx_session.SEAL_KEY}\x12@{'0' * 64}"), channels=1)
    content = export.to_onnx(Segmenter(torch.nn.Identity(), 1, [0.0], [1.0]), hostile)
    assert onnx_session.from_bytes(content, "model")[1].classes == hostile.classes


def test_a_file_of_before_there_were_labels_still_loads(exported: bytes) -> None:
    model = onnx.load_model_from_string(exported)
    onnx_session._keep_logits(model.graph)
    assert [each.name for each in model.graph.output] == ["logits"]
    kept = {checksummed.KEY, onnx_session.SEAL_KEY}
    for entry in [each for each in model.metadata_props if each.key not in kept]:
        model.metadata_props.remove(entry)
    old = onnx_session.from_bytes(sealed(model), "model")[0]
    image = images(1, 3, 33, 47)
    assert torch.equal(old(image), onnx_session.from_bytes(exported, "model")[0](image))


def test_predicting_runs_no_operation_for_labels(exported: bytes) -> None:
    model = onnx.load_model_from_string(exported)
    before = [node.op_type for node in model.graph.node]
    onnx_session._keep_logits(model.graph)
    assert before == [*(node.op_type for node in model.graph.node), "ArgMax", "Cast"]


@pytest.mark.parametrize("params", ARCHITECTURES)
def test_every_architecture_predicts_what_it_predicts_in_torch(params: ModelParams) -> None:
    segmenter = segmenter_of(params)
    with torch.no_grad():
        segmenter.train()(images(2, 3, 64, 64))  # Statistics that are not those of the start.
    card = replace(small(4)[1], model=params)
    content = export.to_onnx(segmenter.eval(), card)
    forward, found = onnx_session.from_bytes(content, "model")
    assert found == card
    both = onnx_session.both_outputs(content, card)
    for shape in ((1, 1), (33, 47), (64, 20)):
        image = images(2, 3, *shape)
        with torch.inference_mode():
            wanted = segmenter(image)
            assert wanted.isfinite().all()
            torch.testing.assert_close(forward(image), wanted, atol=1e-4, rtol=1e-4)
            logits, labels = both(image)
            assert torch.equal(labels, classes_of(logits))


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


def test_nothing_of_this_machine_is_inside(exported: bytes) -> None:
    assert str(ROOT).encode() not in exported
    assert b".py" not in exported
    graph = onnx.load_model_from_string(exported).graph
    assert [dimension.dim_param for dimension in graph.input[0].type.tensor_type.shape.dim] == ["batch", "", "height", "width"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("at", [0, -1])
def test_an_onnx_model_of_weights_that_are_no_numbers_is_refused(at: int, value: float, exported: bytes, tmp_path: Path) -> None:
    model = onnx.load_model_from_string(exported)
    weights = [each for each in model.graph.initializer if each.data_type == onnx.TensorProto.FLOAT and len(each.dims)]
    values = onnx.numpy_helper.to_array(weights[at]).copy()
    values.flat[at] = value
    weights[at].CopyFrom(onnx.numpy_helper.from_array(values, weights[at].name))
    (tmp_path / "m.onnx").write_bytes(sealed(model))
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
