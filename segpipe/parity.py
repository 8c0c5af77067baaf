"""The gate of export: whether ONNX predicts what torch predicts, whatever size and number of images it is given."""

import math
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segpipe.errors import PipelineError
from segpipe.gate import Form, Gate, Pair, score_difference
from segpipe.images.resize import shrunk_size
from segpipe.images.to_tensor import channels_first, unit_values
from segpipe.images.value_range import as_values
from segpipe.inference.average import over_flips
from segpipe.inference.onnx_session import Both
from segpipe.inference.predict import Forward, ids_of, predict_logits, require_finite
from segpipe.models.decision import decide
from segpipe.models.model_file import Card
from segpipe.models.segmenter import Segmenter
from segpipe.params.decision import Decision
from segpipe.params.schema import ExportParams, InferParams
from segpipe.scores.counts import confusion, image_dice, mean, scores

WHOLE = "as predicted"
SMALLER, LARGER, TILES, FLIPS, BATCH = "smaller", "larger", "in tiles", "with flips", "three at once"
FORMS = (WHOLE, SMALLER, LARGER, TILES, FLIPS, BATCH)
"""The ways in which the two are compared, in the order in which they are told."""

Example = tuple[str, NDArray[Any], NDArray[np.uint8]]
"""The id of an image, its pixels (H, W, C), and its mask (H, W)."""
CPU = torch.device("cpu")


@dataclass
class _Tally:
    """One form, as the images go by; `decision` makes classes of logits."""

    decision: Decision
    images: int = 0
    pixels: int = 0
    changed: int = 0
    largest: float = 0.0
    furthest: str = ""
    most: int = 0
    most_changed: str = ""

    def add(self, name: str, wanted: Tensor, found: Tensor, labels: Tensor | None = None) -> None:
        """Logits (..., K, H, W) of both; ONNX's classes are its `labels` where these are given, else those of its logits."""
        apart = float((wanted - found).abs().max())
        # No number is larger than a NaN, and max() would drop it.
        apart = apart if math.isfinite(apart) else math.inf
        seen = decide(found, self.decision) if labels is None else labels
        changed = int((decide(wanted, self.decision) != seen).sum())
        if apart > self.largest:
            self.largest, self.furthest = apart, name
        if changed > self.most:
            self.most, self.most_changed = changed, name
        self.images += 1
        self.pixels += seen.numel()
        self.changed += changed

    def form(self, name: str) -> Form:
        share = self.changed / max(self.pixels, 1)
        return Form(name, self.images, self.pixels, self.largest, share, self.furthest, self.most_changed)


@dataclass
class _Scored:
    """The confusion counts of one of the two over all images, and the Dice of each."""

    counts: NDArray[np.int64] | None = None
    dice: list[float | None] = field(default_factory=list)

    def add(self, mask: NDArray[np.uint8], logits: Tensor, card: Card) -> None:
        counts = confusion(mask, ids_of(logits, card.decision), len(card.classes))
        self.counts = counts if self.counts is None else self.counts + counts
        self.dice.append(image_dice(counts, card.has_background))

    def scores(self, has_background: bool) -> dict[str, float | None]:
        if self.counts is None:
            return {}
        return scores([self.counts], has_background) | {"dice_per_image": mean(self.dice)}


@torch.inference_mode()
def compare(
    segmenter: Segmenter,
    exported: Forward,
    both: Both,
    card: Card,
    images: Iterable[Example],
    varied: Container[str],
    part: str,
    of: int,
) -> Gate:
    """Predicts images of a part, which has `of` of them, by torch and by ONNX on the CPU.

    segmenter, exported, both: the model in torch, its logits in ONNX, and logits and labels of the exported file as it is. Both
    of ONNX are over the card's flips already.
    images: predicted and scored as they are. Those whose id is in `varied` are compared in all other forms, too.
    Raises DataError where torch's logits are not finite; ONNX's may be so, that is for the gate to say.
    """
    own, stride, card = over_flips(segmenter, card.infer.flips), segmenter.stride, card.without_flips()
    tallies = {name: _Tally(card.decision) for name in FORMS}
    torchs, onnxs = _Scored(), _Scored()
    for name, image, mask in images:
        wanted, found = (predict_logits(each, image, card.infer, card.long_side, CPU) for each in (own, exported))
        require_finite(wanted, name)
        tallies[WHOLE].add(name, wanted, found)
        torchs.add(mask, wanted, card)
        onnxs.add(mask, found, card)
        if name in varied:
            for form, of_torch, of_onnx, labels in _varied(own, exported, both, card, image, stride):
                require_finite(of_torch, name)
                tallies[form].add(name, of_torch, of_onnx, labels)
    there, here = torchs.scores(card.has_background), onnxs.scores(card.has_background)
    forms = tuple(tally.form(name) for name, tally in tallies.items() if tally.images)
    return Gate(part, tallies[WHOLE].images, of, forms, {name: (there[name], here[name]) for name in there})


def require(gate: Gate, limits: ExportParams) -> None:
    """Raises PipelineError that names all in which ONNX is further from torch than is allowed, or that nothing was compared."""
    if not gate.images:
        raise PipelineError("no image was there to compare the ONNX model with torch on. It was not written. Add images.")
    problems = [problem for form in gate.forms for problem in _of_form(form, limits)]
    problems += [problem for name, pair in gate.scores.items() if (problem := _of_score(name, pair, limits.score_tolerance))]
    if problems:
        listed = "\n".join(f"- {problem}" for problem in problems)
        raise PipelineError(
            f"the ONNX model is not what torch computes, on {gate.images} {gate.part} images. It was not written.\n{listed}\n"
            "Install the versions of requirements.lock (torch, onnx, onnxscript, onnxruntime) if others are here, or take "
            "another model.name. Raise the key that is named if you can live with the difference."
        )


def _of_form(form: Form, limits: ExportParams) -> Iterator[str]:
    if not form.largest_difference <= limits.tolerance:
        yield (
            f"{form.name}: a logit differs by up to {form.largest_difference:.2g}, on {form.furthest}; "
            f"export.tolerance is {limits.tolerance:g}"
        )
    if form.changed_pixels > limits.changed_pixels:
        yield (
            f"{form.name}: {form.changed_pixels:.4%} of the pixels have another class, most on {form.most_changed}; "
            f"export.changed_pixels is {limits.changed_pixels:g}, {limits.changed_pixels:.4%}"
        )


def _of_score(name: str, pair: Pair, tolerance: float) -> str:
    if score_difference(pair) <= tolerance:
        return ""
    one, other = ("none" if value is None else f"{value:.6f}" for value in pair)
    return f"{name} is {one} by torch and {other} by ONNX; export.score_tolerance is {tolerance:g}"


def _varied(
    own: Forward, exported: Forward, both: Both, card: Card, image: NDArray[Any], stride: int
) -> Iterator[tuple[str, Tensor, Tensor, Tensor | None]]:
    """An image in every other form: its name, the logits of torch and of ONNX, and ONNX's labels where it was asked for them.

    Of an image that is predicted in tiles anyway it is the upper left: enlarged, the logits of all of it might fill the memory.
    """
    side = math.isqrt(card.infer.max_pixels)
    if image.shape[0] * image.shape[1] > card.infer.max_pixels:
        image = image[:side, :side]
    height, width = image.shape[:2]
    flips = card.infer.model_copy(update={"flips": "horizontal"})
    forms = {
        SMALLER: (image[: _odd(height), : _odd(width)], card.infer),
        # As in a mirror, so that there is something to see in what is added. Odd sides here, too, where the image's are even.
        LARGER: (np.pad(image, ((0, height // 2 | 1), (0, width // 2 | 1), (0, 0)), mode="symmetric"), card.infer),
        TILES: (image, _in_tiles(card, height, width, stride)),
        FLIPS: (image, flips),
    }
    for name, (pixels, infer) in forms.items():
        wanted, found = (predict_logits(each, pixels, infer, card.long_side, CPU) for each in (own, exported))
        yield name, wanted, found, None
    batch = _batch(image, card.infer.max_pixels)
    logits, labels = both(batch)
    yield BATCH, own(batch), logits, labels


def _odd(length: int) -> int:
    """About three quarters of a length, an odd number."""
    return max(1, (3 * length // 4 - 1) | 1)


def _in_tiles(card: Card, height: int, width: int, stride: int) -> InferParams:
    """The rules of prediction with bounds by which the image is cut into tiles, of about half of its longer side."""
    small = shrunk_size(height, width, card.long_side)
    tile = max(stride, max(small) // 2 // stride * stride)
    return card.infer.model_copy(update={"max_pixels": small[0] * small[1] - 1, "tile": tile})


def _batch(image: NDArray[Any], max_pixels: int) -> Tensor:
    """(3, C, h, w) values: an image and two flips of it, cut off where all three would be more pixels than one image may have."""
    height, width = image.shape[:2]
    side = math.isqrt(max_pixels // 3)
    if height * width * 3 > max_pixels:
        height, width = min(height, side), min(width, side)
    one = unit_values(channels_first(as_values(image[:height, :width])))
    return torch.stack([one, one.flip(-1), one.flip(-2)])
