"""Which lines of params.yaml let a training's step fit into the memory there is: computed for each, none is tried."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from segpipe.diagnostics import memory as memories
from segpipe.diagnostics.dry_run import TrainingShape
from segpipe.diagnostics.memory import Growth
from segpipe.models.segmenter import Segmenter

SMALLEST_CROP = 64
"""Pixels: in a smaller one there is hardly anything to be seen around a pixel."""
TRIES = 3
"""Crops that are computed at most: each takes a second or more, and the first guess is near."""


@dataclass(frozen=True)
class Line:
    """A line of params.yaml that is enough by itself, and what it changes beside the memory."""

    key: str
    value: int | str
    effect: str


@dataclass(frozen=True)
class StepMemory:
    """What a step takes, computed for a CPU; `waiting` are the bytes that lie there while one part of several is computed."""

    growth: Growth
    waiting: int
    batch_size: int
    parts: int

    @property
    def taken(self) -> int:
        """The bytes of a step as it is."""
        return self.with_part(-(-self.batch_size // self.parts), self.parts)

    def with_part(self, images: int, parts: int) -> int:
        """The bytes of a step whose parts have so many images."""
        return self.growth.peak(images) + (self.waiting if parts > 1 else 0)

    def largest_part(self, goal: int, parts: int) -> int:
        """The most images of a part by which a step takes `goal` bytes or less; 0 where there is none."""
        return self.growth.largest_batch(goal - (self.waiting if parts > 1 else 0))


def step_memory(segmenter: Segmenter, shape: TrainingShape) -> StepMemory:
    """What a step of the training takes. Raises PipelineError for a network of which it cannot be computed."""
    # fp16 is for GPUs alone, and takes as many bytes.
    precision = "bf16" if shape.train.precision == "fp16" else shape.train.precision
    growth = memories.computed(segmenter, _with_train(shape, precision=precision, accumulate=1))
    gradients = sum(weight.nbytes for weight in segmenter.parameters())
    # The whole batch, float32 at most, and its targets, int64.
    batch = shape.train.batch_size * shape.crop**2 * (4 * shape.channels + 8)
    return StepMemory(growth, gradients + batch, shape.train.batch_size, shape.train.accumulate)


def lines(segmenter: Segmenter, shape: TrainingShape, step: StepMemory, available: int) -> list[Line]:
    """Those by which a step takes `available` bytes or less, the one that changes the result least first.

    Where the step as it is should fit by the computation, so much less has to do as makes it half.
    """
    goal = available if step.taken > available else step.taken // 2
    same_images = (_parts(shape, step, goal), _precision(segmenter, shape, goal))
    return [*chain(*same_images, _batch(step, goal), _crop(segmenter, shape, step, goal))]


def _parts(shape: TrainingShape, step: StepMemory, goal: int) -> Iterator[Line]:
    """The batch in more parts; not for the loss that is one number of a whole batch."""
    pooled = shape.loss.name == "dice_pooled" or (shape.loss.name == "mix" and shape.loss.mix.dice_pooled)
    largest = step.largest_part(goal, step.batch_size)
    parts = -(-step.batch_size // largest) if largest else 0
    if parts > step.parts and not pooled:
        yield Line("train.accumulate", parts, "computes the batch in parts, to nearly the same result")


def _precision(segmenter: Segmenter, shape: TrainingShape, goal: int) -> Iterator[Line]:
    """Half of the bytes for most of what a step keeps."""
    if shape.train.precision == "fp32" and step_memory(segmenter, _with_train(shape, precision="bf16")).taken <= goal:
        yield Line("train.precision", "bf16", "computes most in half precision, to nearly the same result")


def _batch(step: StepMemory, goal: int) -> Iterator[Line]:
    """Fewer images, in as many parts as before."""
    largest = step.parts * step.largest_part(goal, step.parts)
    if 0 < largest < step.batch_size:
        yield Line("train.batch_size", largest, "steps by fewer images, which another optim.lr may suit")


def _crop(segmenter: Segmenter, shape: TrainingShape, step: StepMemory, goal: int) -> Iterator[Line]:
    """The largest crop that is found, a multiple of the stride."""
    crop, taken, stride = shape.crop, step.taken, segmenter.stride
    for _ in range(TRIES):
        # What is alive grows with the area, but for the weights.
        crop = min(int(crop * (goal / taken) ** 0.5), crop - 1) // stride * stride
        if crop < SMALLEST_CROP:
            return
        taken = step_memory(segmenter, replace(shape, crop=crop)).taken
        if taken <= goal:
            yield Line("input.crop", crop, "shows the model less around each pixel")
            return


def _with_train(shape: TrainingShape, **changes: Any) -> TrainingShape:
    return replace(shape, train=shape.train.model_copy(update=changes))
