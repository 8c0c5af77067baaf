"""A training that runs out of memory ends in a sentence, with the lines of params.yaml that would fit; nothing is changed."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from segpipe.dataset import held_crops
from segpipe.diagnostics import lower_memory, memory
from segpipe.diagnostics.dry_run import TrainingShape
from segpipe.diagnostics.lower_memory import Line
from segpipe.errors import PipelineError
from segpipe.training.loop import Run
from segpipe.workflows.assemble import Training

SAID = ("can't allocate memory", "not enough memory", "out of memory", "ALLOC_FAILED")
"""How torch's allocators, and the libraries below them, say so in a RuntimeError."""
GIB = 2**30
GPU_SHARE = 0.9
BYTES = re.compile(r"allocate (\d+) bytes")
SIZE = re.compile(r"allocate ([\d.]+ [KMGT]iB)")


@contextmanager
def translate_out_of_memory(training: Training, run: Run) -> Iterator[None]:
    """Turns what is raised for want of memory inside it into a PipelineError; `run` says how far the training was."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        print("out of memory; computing what would fit ...", file=sys.stderr, flush=True)
        message = sentence(training, run, str(error))
    else:
        return
    # Outside of the handler: the error holds the frames of the step, and they its tensors.
    raise PipelineError(message)


def is_out_of_memory(error: RuntimeError | MemoryError) -> bool:
    """Whether it is for want of memory that torch, numpy or Python gave up."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(sign in str(error) for sign in SAID)


def sentence(training: Training, run: Run, said: str) -> str:
    """Where it was, what was asked for, and what would do."""
    progress, params = run.progress, training.params
    asked = f"{_asked(said)} more were asked for" if _asked(said) else " ".join(said.split())[:200] or "no more was given"
    if progress.batch == run.n_batches:
        return (
            f"out of memory in the validation of epoch {progress.epoch + 1}: {asked}. Lower infer.max_pixels, "
            f"{params.infer.max_pixels} now, so that larger images are cut into tiles, and infer.tile, {params.infer.tile} now; "
            "scores change a little by it. Nothing was changed by itself."
        )
    where = f"out of memory in {progress.place} of {run.n_batches}: {asked}"
    train = params.train
    now = f"train.batch_size {train.batch_size}, train.accumulate {train.accumulate}, input.crop {params.input.crop}"
    try:
        return "\n".join([f"{where}.", *_what_fits(training, now)])
    except (PipelineError, RuntimeError, MemoryError) as error:
        return (
            f"{where}. Raise train.accumulate, or lower train.batch_size or input.crop ({now}). What fits is not known: {error}"
        )


def _what_fits(training: Training, now: str) -> list[str]:
    """What the step takes and has, and the lines by which it would fit."""
    shape, available = _shape(training), _available(training)
    step = lower_memory.step_memory(training.segmenter, shape)
    takes = f"A step takes {step.taken / GIB:.2f} GiB by computation ({now})"
    if available is None:
        found, has = lower_memory.lines(training.segmenter, shape, step, step.taken), "by half of that would fit"
        takes += ", and this system does not say how much it has"
    else:
        found, has = lower_memory.lines(training.segmenter, shape, step, available), "would fit"
        takes += f", and {training.device.type} has {available / GIB:.2f} GiB for it"
        if step.taken <= available:
            takes += ", of which others must have taken some"
            has = "would do with half"
    if not found:
        return [f"{takes}. No line of params.yaml would fit: take a smaller model (model.name, model.width), or more memory."]
    return [f"{takes}. Nothing was changed by itself. Each of these lines of params.yaml {has}:", *map(_text, found)]


def _text(line: Line) -> str:
    return f"  {line.key}: {line.value}   # {line.effect}"


def _shape(training: Training) -> TrainingShape:
    params, info = training.params, training.data.pack.info
    sections = (params.loss, params.optim, params.train)
    return TrainingShape(params.input.crop, info.channels, len(info.classes), info.has_background, *sections)


def _available(training: Training) -> int | None:
    """The bytes that a step would have if it began anew: also those that this training has now, but for its held images."""
    free = memory.available_memory(training.device)
    if free is None:
        return None
    if training.device.type == "cuda":
        # What the GPU's libraries take for themselves is not computed.
        free = int(GPU_SHARE * (free + torch.cuda.memory_reserved(training.device)))
    params, data = training.params, training.data
    if params.augment.library == "torchvision":
        free -= held_crops.bytes_held(data.pack.index, data.train_ids, data.pack.info.channels, params.input.long_side)
    return free


def _asked(said: str) -> str:
    """How much was asked for, as torch or numpy says it; empty where they do not."""
    if count := BYTES.search(said):
        return f"{int(count[1]) / GIB:.2f} GiB"
    size = SIZE.search(said)
    return size[1] if size else ""
