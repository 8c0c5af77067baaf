"""Training steps and loaders in variants that take turns: precision, memory format, determinism, compiling, workers."""

import contextlib
import itertools
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import roofline
import torch
from roofline import Peak, Work
from torch import nn

from segpipe.dataset.loader import Batch
from segpipe.params.stage_keys import TrainKeys
from segpipe.training import device as devices
from segpipe.training import loop
from segpipe.workflows.assemble import Training, assemble, with_images
from segpipe.workflows.time_budget import with_precision
from segpipe.workflows.training_data import read_fold

STEPS = {"cuda": 16, "cpu": 2}
"""Optimizer steps that are timed together; even, since an epoch's two sizes of a batch take turns."""
LEAST_ROUNDS = 3
WORKERS = (0, 2, 4, 8, 16)
Row = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """How a step is made. `tf32`: whether fp32 convolutions may round to it, as torch has it on a GPU by default.

    `bare`: without the loop's checks and sums, which wait for the GPU in each step.
    """

    name: str
    precision: str = "bf16"
    channels_last: bool = True
    deterministic: bool = True
    tf32: bool = True
    compiled: bool = False
    bare: bool = False

    @property
    def kind(self) -> str:
        """Which of the device's peaks is the step's."""
        return "bf16" if self.precision == "bf16" else "tf32" if self.tf32 else "fp32"


BASE = Setting("bf16, channels last, deterministic")
FREE = replace(BASE, name="not deterministic", deterministic=False)
SETTINGS = (
    BASE,
    FREE,
    replace(BASE, name="fp32 (TF32 in convolutions)", precision="fp32"),
    replace(BASE, name="fp32 without TF32", precision="fp32", tf32=False),
    replace(BASE, name="not channels last", channels_last=False),
    replace(FREE, name="not deterministic, not channels last", channels_last=False),
    replace(FREE, name="not deterministic, without the loop's checks", bare=True),
)
COMPILED, COMPILED_FREE = ((each, replace(each, name=f"{each.name}, compiled", compiled=True)) for each in (BASE, FREE))


class Step:
    """A training of its own whose two batches lie on the device: as large as the epoch's largest, and an image less."""

    def __init__(self, keys: TrainKeys, setting: Setting, device: torch.device) -> None:
        self.setting, self.device, self.threads = setting, device, keys.threads
        size, n_steps = keys.train.batch_size, STEPS[device.type]
        self.configure()
        training = with_images(assembled(keys, setting.precision, 0, device), 2 * size - 1, 1)
        # From here on all that learns at all learns.
        self.epoch = keys.optim.encoder_frozen
        pair = [on_device(each, device) for each in training.run.batches(self.epoch, 0)]
        batches = list(itertools.islice(itertools.cycle(pair), n_steps))
        self.images = sum(len(each.ids) for each in batches)
        self.run = replace(
            training.run, model=self.model(training), batches=lambda epoch, first: batches[first:], n_batches=n_steps
        )

    def model(self, training: Training) -> nn.Module:
        segmenter: nn.Module = training.segmenter
        if not self.setting.channels_last:
            segmenter.to(memory_format=torch.contiguous_format)
            segmenter.register_forward_pre_hook(lambda module, inputs: tuple(each.contiguous() for each in inputs))
        return torch.compile(segmenter) if self.setting.compiled else segmenter

    def configure(self) -> None:
        """The settings of the whole process."""
        devices.configure_determinism(self.threads, self.setting.deterministic)
        torch.backends.cudnn.allow_tf32 = self.setting.tf32

    def train(self) -> None:
        """The steps, as `loop.fit` makes them."""
        self.configure()
        run = replace(self.run, progress=loop.Progress(epoch=self.epoch))
        if not self.setting.bare:
            loop.train_epoch(run)
            return
        for batch in run.batches(self.epoch, 0):
            run.optimizer.zero_grad(set_to_none=True)
            loop.compute_losses(run, batch)["loss"].mean().backward()
            run.optimizer.step()


def assembled(keys: TrainKeys, precision: str, workers: int, device: torch.device) -> Training:
    runtime = keys.runtime.model_copy(update={"workers": workers})
    return assemble(with_precision(keys, precision).model_copy(update={"runtime": runtime}), read_fold(0), device, {})


def on_device(batch: Batch, device: torch.device) -> Batch:
    return Batch(batch.ids, batch.image.to(device), batch.target.to(device))


def compare_steps(keys: TrainKeys, settings: Sequence[Setting], device: torch.device, peak: Peak, seconds: float) -> list[Row]:
    """A row a setting, the first being what the others are compared with (`speed`: how many times as fast).

    One that the device refuses says so.
    """
    steps, rows = {}, {each.name: Row(setting=each.name) for each in settings}
    for setting in settings:
        try:
            steps[setting.name], first = prepared(keys, setting, device)
            rows[setting.name] |= first
        except RuntimeError as error:  # an operation that cannot repeat itself, memory, a compiler
            rows[setting.name]["refused"] = str(error).splitlines()[0][:160]
    times = in_turns({name: lambda s=step: roofline.timed(s.train, device) for name, step in steps.items()}, seconds)
    for name, step in steps.items():
        took = statistics.median(times[name])
        rows[name] |= {"images_per_s": step.images / took, "rounds": len(times[name])}
        if settings[0].name in times:
            ratios = [base / own for base, own in zip(times[settings[0].name], times[name], strict=True)]
            rows[name] |= {"speed": statistics.median(ratios), "speed_range": [min(ratios), max(ratios)]}
        # What is compiled cannot be counted operation by operation, and moves fewer bytes.
        if not step.setting.compiled:
            rows[name] |= of_roofline(roofline.count(step.train), peak, step.setting.kind, took, STEPS[device.type])
    return list(rows.values())


def prepared(keys: TrainKeys, setting: Setting, device: torch.device) -> tuple[Step, Row]:
    """The step after its first two rounds, the seconds of these, and the most memory of the second."""
    cuda = device.type == "cuda"
    before = torch.cuda.memory_allocated() if cuda else 0
    step = Step(keys, setting, device)
    first = roofline.timed(step.train, device)
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    second = roofline.timed(step.train, device)
    peak = {"peak_gib": (torch.cuda.max_memory_allocated() - before) / 2**30} if cuda else {}
    return step, {"first_s": first, "second_s": second} | peak


def of_roofline(work: Work, peak: Peak, kind: str, took: float, n_steps: int) -> Row:
    """What the work and the time are of the device's peaks. The larger of the two least times is the roofline."""
    arithmetic, memory = work.seconds(peak, kind)
    return {
        "gflop_per_step": work.flops / n_steps / 1e9,
        "gbyte_per_step": work.bytes / n_steps / 1e9,
        "share_of_flops": arithmetic / took,
        "share_of_bandwidth": memory / took,
        "roofline": "memory" if memory > arithmetic else "arithmetic",
        "share_of_roofline": max(arithmetic, memory) / took,
    }


def compile_pays(
    keys: TrainKeys, eager: Setting, compiled: Setting, device: torch.device, peak: Peak, seconds: float
) -> list[Row]:
    """Compiled steps beside those that are not: seconds that compiling took, and after how many steps they are won back."""
    # What was compiled before would be found again.
    torch.compiler.reset()
    plain, fast = rows = compare_steps(keys, (eager, compiled), device, peak, seconds)
    if "refused" not in plain | fast:
        # The images of a step, on average.
        images = keys.train.batch_size - 0.5
        own, other = images / fast["images_per_s"], images / plain["images_per_s"]
        cost = fast["first_s"] + fast["second_s"] - 2 * STEPS[device.type] * own
        fast |= {"compile_s": cost, "pays_after_steps": cost / (other - own) if other > own else "never"}
    return rows


def compare_loaders(keys: TrainKeys, device: torch.device, scratch: Path, seconds: float) -> list[Row]:
    """Whole epochs from the filled cache, by loader workers, and from the device's memory, beside the same steps on batches that
    lie on the device.
    """
    held = Step(keys, BASE, device)
    held.train()
    ways: dict[str, tuple[TrainKeys, int]] = {str(each): (keys, each) for each in WORKERS if each <= (os.cpu_count() or 1)}
    there = keys.augment.model_copy(update={"library": "torchvision"})
    ways["none, torchvision"] = (keys.model_copy(update={"augment": there}), 0)
    waits: dict[str, list[float]] = {each: [] for each in ways}
    with contextlib.ExitStack() as stack:
        variants: dict[str, Callable[[], float]] = {"held": lambda: roofline.timed(held.train, device) / held.images}
        for way, (wanted, workers) in ways.items():
            training = assembled(wanted, BASE.precision, workers, device)
            stack.enter_context(training.cache.opened(scratch / way))
            # Fills the cache and starts the workers, or brings the images to the device.
            consume(training)
            variants |= {f"loop {way}": lambda t=training, w=waits[way]: epoch_s(t, w, held)}
            variants |= {f"loader {way}": lambda t=training: consume(t)}
        times = {name: statistics.median(each) for name, each in in_turns(variants, seconds).items()}
    return [Row(workers="held on the device", images_per_s=1 / times["held"], share_of_held=1.0, waits=0.0)] + [
        Row(
            workers=each,
            images_per_s=1 / times[f"loop {each}"],
            share_of_held=times["held"] / times[f"loop {each}"],
            waits=statistics.median(waits[each]),
            loader_images_per_s=1 / times[f"loader {each}"],
        )
        for each in ways
    ]


def epoch_s(training: Training, waits: list[float], held: Step) -> float:
    """Seconds of an image in an epoch of the loop; adds the share of the time that it waited."""
    held.configure()
    _, speed = loop.train_epoch(replace(training.run, progress=loop.Progress(epoch=held.epoch)))
    waits.append(speed.data_wait)
    return 1 / speed.images_per_s


def consume(training: Training) -> float:
    """Seconds of an image where nothing but the loader runs."""
    start, images = time.perf_counter(), 0
    for batch in training.run.batches(0, 0):
        images += len(batch.ids)
    if training.device.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / images


def in_turns(variants: dict[str, Callable[[], float]], seconds: float) -> dict[str, list[float]]:
    """What each variant measures, round by round, until the time is up; LEAST_ROUNDS in any case."""
    found: dict[str, list[float]] = {name: [] for name in variants}
    end = time.perf_counter() + seconds
    while variants and (time.perf_counter() < end or min(map(len, found.values())) < LEAST_ROUNDS):
        for name, measure in variants.items():
            found[name].append(measure())
    return found
