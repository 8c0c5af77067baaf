"""The gate of export: what it measures, that it sees planted faults of every kind, and what it says then."""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor

from segpipe import export, parity
from segpipe.errors import DataError, PipelineError
from segpipe.gate import Form, Gate
from segpipe.inference import onnx_session
from segpipe.models.model_file import Card
from segpipe.models.segmenter import Segmenter, classes_of
from segpipe.models.table import build
from segpipe.params.schema import ExportParams
from segpipe.scores.counts import confusion, scores
from tests.dataset.packs import noise
from tests.inference.cards import PARAMS, sealed, small

LIMITS = ExportParams(n_images=0, tolerance=1e-3, changed_pixels=1e-4, score_tolerance=1e-4)
Forward = Callable[[Tensor], Tensor]


def examples(*sizes: tuple[int, int]) -> list[parity.Example]:
    """Images called a, b, c ..., with masks of the classes 0 to 2 and some ignored pixels."""
    found = []
    for number, size in enumerate(sizes):
        mask = (noise(10 + number, *size)[:, :, 0] % 3).astype(np.uint8)
        mask[0] = 255
        found.append(("abcdef"[number], noise(number, *size), mask))
    return found


def with_labels(forward: Forward) -> onnx_session.Both:
    return lambda image: (logits := forward(image), classes_of(logits))


def compared(
    segmenter: Segmenter, card: Card, forward: Forward, images: Sequence[parity.Example], varied: Sequence[str] = ()
) -> Gate:
    return parity.compare(segmenter, forward, with_labels(forward), card, images, varied, "test", 9)


def test_it_measures_logits_pixels_and_scores() -> None:
    segmenter, card = small()
    images = examples((24, 32), (40, 50))

    def swapped(image: Tensor) -> Tensor:
        # Of the second image the classes 1 and 2 change places.
        return segmenter(image)[:, [0, 2, 1]] if image.shape[2] == 40 else segmenter(image)

    same, other = (compared(segmenter, card, each, images) for each in (segmenter, swapped))
    assert (same.part, same.images, same.of) == ("test", 2, 9)
    assert same.forms == (Form("as predicted", 2, 24 * 32 + 40 * 50, 0.0, 0.0),)
    parity.require(same, LIMITS)

    with torch.inference_mode():
        logits = [segmenter(torch.from_numpy(image.transpose(2, 0, 1)[None].copy()) / 255)[0] for _, image, _ in images]
    seen = [classes_of(each).numpy() for each in logits]
    counts = [confusion(mask, ids, 3) for (_, _, mask), ids in zip(images, seen, strict=True)]
    found = [counts[0], confusion(images[1][2], np.array([0, 2, 1], np.uint8)[seen[1]], 3)]
    assert {name: pair[0] for name, pair in other.scores.items()} == pytest.approx(scores(counts, True))
    assert {name: pair[1] for name, pair in other.scores.items()} == pytest.approx(scores(found, True))
    (form,) = other.forms
    assert form.largest_difference == pytest.approx(float((logits[1][1] - logits[1][2]).abs().max()), rel=1e-5)
    assert form.changed_pixels == np.count_nonzero(seen[1]) / form.pixels
    assert (form.furthest, form.most_changed) == ("b", "b")
    with pytest.raises(PipelineError) as caught:
        parity.require(other, LIMITS)
    first, *problems, remedy = str(caught.value).splitlines()
    assert first == "the ONNX model is not what torch computes, on 2 test images. It was not written."
    assert (
        problems[0].startswith("- as predicted: a logit differs by up to ") and "on b; export.tolerance is 0.001" in problems[0]
    )
    assert "of the pixels have another class, most on b; export.changed_pixels is 0.0001, 0.0100%" in problems[1]
    assert any(each.startswith("- dice is 0.") and "export.score_tolerance is 0.0001" in each for each in problems[2:])
    assert "requirements.lock" in remedy and "Raise the key that is named" in remedy


(SQUARE,) = examples((48, 48))
MIRRORED = torch.from_numpy(SQUARE[1][:, ::-1].transpose(2, 0, 1).copy()) / 255
FAULTS: dict[str, Callable[[Tensor], bool]] = {
    "smaller": lambda image: image.shape[2] == 35,
    "larger": lambda image: image.shape[3] == 73,
    "in tiles": lambda image: image.shape[2:] == (24, 24),
    "with flips": lambda image: torch.equal(image[0], MIRRORED),
    "three at once": lambda image: len(image) == 3,
}


@pytest.mark.parametrize("form", FAULTS)
def test_a_fault_in_one_form_is_seen_though_all_others_agree(form: str) -> None:
    segmenter, card = small()
    found = compared(segmenter, card, lambda given: segmenter(given) * (2 if FAULTS[form](given) else 1), [SQUARE], "a")
    assert [each.name for each in found.forms] == [*parity.FORMS]
    assert [each.name for each in found.forms if each.largest_difference > 0.1] == [form]
    with pytest.raises(PipelineError, match=rf"- {form}: a logit differs by up to \d.*, on a;"):
        parity.require(found, LIMITS)


def test_the_forms_of_an_image_in_tiles_take_no_more_memory_than_a_part_of_it() -> None:
    segmenter, card = small()
    bounded = replace(card, infer=card.infer.model_copy(update={"max_pixels": 4096, "tile": 64}))
    sizes: list[tuple[int, ...]] = []

    def watched(image: Tensor) -> Tensor:
        sizes.append(tuple(image.shape))
        return segmenter(image)

    found = compared(segmenter, bounded, watched, examples((150, 100)), "a")
    parity.require(found, LIMITS)
    assert max(n * height * width for n, _, height, width in sizes) <= 4096
    pixels = {form.name: form.pixels for form in found.forms}
    assert pixels == {
        "as predicted": 150 * 100,
        "smaller": 47 * 47,
        "larger": 97 * 97,
        "in tiles": 64 * 64,
        "with flips": 64 * 64,
        "three at once": 3 * 36 * 36,
    }


def test_wrong_labels_are_seen_though_the_logits_are_right() -> None:
    segmenter, card = small()

    def other(image: Tensor) -> tuple[Tensor, Tensor]:
        logits = segmenter(image)
        return logits, 2 - classes_of(logits)

    found = parity.compare(segmenter, segmenter, other, card, [SQUARE], "a", "test", 1)
    assert [each.name for each in found.forms if each.changed_pixels] == ["three at once"]
    with pytest.raises(PipelineError, match=r"- three at once: .* of the pixels have another class, most on a"):
        parity.require(found, LIMITS)


def test_a_score_that_moves_shuts_it_though_few_pixels_do() -> None:
    segmenter, card = small()
    loose = LIMITS.model_copy(update={"tolerance": 1e9, "changed_pixels": 1.0})
    found = compared(segmenter, card, lambda given: -segmenter(given), [SQUARE])
    with pytest.raises(
        PipelineError, match=r"- miou is 0\.\d{6} by torch and 0\.\d{6} by ONNX; export\.score_tolerance is 0\.0001"
    ):
        parity.require(found, loose)
    parity.require(found, loose.model_copy(update={"score_tolerance": 1.0}))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("at", [0, 1])
def test_it_shuts_where_onnx_gives_no_number(value: float, at: int) -> None:
    segmenter, card = small()
    calls: list[int] = []

    def exported(image: Tensor) -> Tensor:
        logits = segmenter(image).clone()
        if len(calls) == at:
            logits[0, 0, 3, 4] = value
        calls.append(at)
        return logits

    found = compared(segmenter, card, exported, examples((24, 32), (24, 32)))
    assert found.forms[0].largest_difference == math.inf
    loose = LIMITS.model_copy(update={"tolerance": 1e9})
    with pytest.raises(PipelineError, match=rf"as predicted: a logit differs by up to inf, on {'ab'[at]}"):
        parity.require(found, loose)


def test_the_image_on_which_torch_gives_no_number_is_named() -> None:
    segmenter, card = small()
    broken = copy.deepcopy(segmenter)
    torch.nn.init.constant_(broken.network.head.bias, math.nan)
    with pytest.raises(DataError, match=r"^a: the model's logits for it are not finite numbers"):
        compared(broken, card, segmenter, examples((24, 32)))


def test_what_compared_nothing_is_shut() -> None:
    segmenter, card = small()
    with pytest.raises(PipelineError, match="no image was there to compare the ONNX model with torch on"):
        parity.require(compared(segmenter, card, segmenter, []), LIMITS)


@pytest.fixture(scope="module")
def upsampling() -> tuple[Segmenter, Card, bytes]:
    """A U-Net that enlarges by nearest neighbours, exported; on two images it passes."""
    torch.manual_seed(0)
    model = PARAMS.model.model_copy(update={"width": 4, "depth": 1, "upsample": "resize"})
    built = build(model, 3, 3)
    assert isinstance(built.network.head, torch.nn.Conv2d)
    torch.nn.init.normal_(built.network.head.weight, std=3.0)
    segmenter = Segmenter(built.network, built.stride, [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]).eval()
    card = small()[1]
    content = export.to_onnx(segmenter, card)
    parity.require(through(segmenter, card, onnx.load_model_from_string(content)), LIMITS)
    return segmenter, card, content


def through(segmenter: Segmenter, card: Card, model: onnx.ModelProto) -> Gate:
    """What the gate finds of a model that takes itself for whole."""
    content = sealed(model)
    forward, _ = onnx_session.from_bytes(content, "the exported model")
    both = onnx_session.both_outputs(content, card)
    return parity.compare(segmenter, forward, both, card, examples((48, 64), (33, 47)), "ab", "test", 2)


def constant(model: onnx.ModelProto, name: str, change: Callable[[np.ndarray], object]) -> None:
    """Changes a constant of the graph in place."""
    (held,) = [each for each in model.graph.initializer if each.name.endswith(name)]
    values = onnx.numpy_helper.to_array(held).copy()
    change(values)
    held.CopyFrom(onnx.numpy_helper.from_array(values, held.name))


def resize(model: onnx.ModelProto, **changes: str) -> None:
    (node,) = [each for each in model.graph.node if each.op_type == "Resize"]
    for attribute in node.attribute:
        if attribute.name in changes:
            attribute.s = changes.pop(attribute.name).encode()
    assert not changes


def plus(amount: float) -> Callable[[np.ndarray], object]:
    def change(values: np.ndarray) -> None:
        values.flat[0] += amount

    return change


PLANTED: dict[str, Callable[[onnx.ModelProto], None]] = {
    "the mean of a channel off by a gray level": lambda model: constant(model, "segmenter.mean", plus(1 / 255)),
    "the deviation of a channel off by a hundredth": lambda model: constant(model, "segmenter.deviation", plus(0.002)),
    "red and blue normalised as each other": lambda model: constant(
        model, "segmenter.mean", lambda values: values.__setitem__(slice(None), values[:, ::-1].copy())
    ),
    "a resize that blends": lambda model: resize(model, mode="linear"),
    "a resize from other centres": lambda model: resize(model, nearest_mode="ceil"),
    "one weight off by a hundredth": lambda model: constant(model, "encoder.blocks.0.0.weight", plus(0.01)),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_shuts_the_gate(fault: str, upsampling: tuple[Segmenter, Card, bytes]) -> None:
    segmenter, card, content = upsampling
    model = onnx.load_model_from_string(content)
    PLANTED[fault](model)
    with pytest.raises(PipelineError, match=r"as predicted: a logit differs by up to .*, on [ab]; export\.tolerance is 0\.001"):
        parity.require(through(segmenter, card, model), LIMITS)


def test_labels_of_the_least_likely_class_shut_the_gate(upsampling: tuple[Segmenter, Card, bytes]) -> None:
    segmenter, card, content = upsampling
    model = onnx.load_model_from_string(content)
    (node,) = [each for each in model.graph.node if each.op_type == "ArgMax"]
    node.op_type = "ArgMin"
    with pytest.raises(PipelineError, match=r"is not what torch computes, on 2 test images.*\n- three at once: .* another class"):
        parity.require(through(segmenter, card, model), LIMITS)


@pytest.mark.parametrize("flips", ["horizontal", "all"])
def test_a_file_over_flips_is_held_against_torch_over_the_same(flips: str) -> None:
    segmenter, plain = small()
    card = replace(plain, infer=plain.infer.model_copy(update={"flips": flips}))
    with_flips, without = (onnx.load_model_from_string(export.to_onnx(segmenter, each)) for each in (card, plain))
    found = through(segmenter, card, with_flips)
    parity.require(found, LIMITS)
    assert [form.images for form in found.forms] == [2] * len(parity.FORMS)
    with pytest.raises(PipelineError, match=r"- as predicted: a logit differs by up to"):
        parity.require(through(segmenter, card, without), LIMITS)
    with pytest.raises(PipelineError, match=r"- as predicted: a logit differs by up to"):
        parity.require(through(segmenter, plain, with_flips), LIMITS)
