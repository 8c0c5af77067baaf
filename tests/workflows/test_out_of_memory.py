"""A training that runs out of memory ends in one sentence with lines that would fit, and in nothing that it changed itself."""

import contextlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from segpipe.diagnostics import memory
from segpipe.errors import PipelineError
from segpipe.params.schema import Params
from segpipe.params.stage_keys import TrainKeys
from segpipe.training import loop
from segpipe.workflows.assemble import Training
from segpipe.workflows.out_of_memory import is_out_of_memory, translate_out_of_memory
from segpipe.workflows.train import prepare
from tests.pipeline.conftest import set_params

CUDA = "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 8.00 GiB of which 1.00 GiB is free."
CPU = "[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried to allocate 3221225472 bytes."


@pytest.fixture(scope="module")
def training(sample_project: Path) -> Training:
    set_params(sample_project, {"input": {"crop": 128}, "train": {"batch_size": 4, "epochs": 1}})
    with contextlib.chdir(sample_project):
        params = Params.model_validate(yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8")))
        return prepare(TrainKeys.of(params), 0)


@pytest.fixture(autouse=True)
def in_project(sample_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sample_project)


def planted(error: Exception) -> Callable[..., Any]:
    def part(*arguments: Any) -> Any:
        raise error

    return part


def said(training: Training, **parts: Any) -> str:
    """What a training with these parts ends in."""
    run = replace(training.run, **{"progress": loop.Progress()} | parts)
    with pytest.raises(PipelineError) as ended, translate_out_of_memory(training, run):
        loop.fit(run)
    return str(ended.value)


def taken(training: Training) -> int:
    """Bytes of a step as it is."""
    from segpipe.workflows.out_of_memory import _shape

    return memory.computed(training.segmenter, _shape(training)).peak(4)


def test_it_names_what_was_asked_and_what_fits(
    training: Training, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda device: taken(training) // 2)
    before = {name: tensor.clone() for name, tensor in training.segmenter.state_dict().items()}
    found = said(training, backward=planted(torch.OutOfMemoryError(CUDA)))
    first, second, *lines = found.splitlines()
    assert first == f"out of memory in epoch 1, batch 1 of {training.run.n_batches}: 2.50 GiB more were asked for."
    assert "(train.batch_size 4, train.accumulate 1, input.crop 128)" in second
    assert second.endswith("Nothing was changed by itself. Each of these lines of params.yaml would fit:")
    keys = [re.fullmatch(r"  ([\w.]+): (\w+)   # .+", line) for line in lines]
    assert [match and match[1] for match in keys] == ["train.accumulate", "train.batch_size", "input.crop"]
    assert all(torch.equal(tensor, before[name]) for name, tensor in training.segmenter.state_dict().items())
    assert "computing what would fit" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (RuntimeError(CPU), "3.00 GiB more were asked for"),
        (np._core._exceptions._ArrayMemoryError((2**31,), np.dtype(np.uint8)), "2.00 GiB more were asked for"),
        (MemoryError(), "no more was given"),
        (
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
            "CUBLAS_STATUS_ALLOC_FAILED",
        ),
    ],
)
def test_each_allocator_is_understood(error: Exception, asked: str, training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segpipe.workflows.out_of_memory._what_fits", lambda training, now: [])
    assert asked in said(training, backward=planted(error))


def test_in_validation_it_is_the_tiles_that_help(training: Training) -> None:
    done = loop.Progress(batch=training.run.n_batches, seen=1, sums={"loss": 1.0})
    found = said(training, progress=done, validate=planted(RuntimeError(CPU)))
    assert found.startswith("out of memory in the validation of epoch 1: 3.00 GiB more were asked for. Lower infer.max_pixels")


def test_where_the_memory_cannot_be_known_or_computed_it_says_so(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    part = {"backward": planted(MemoryError())}
    with monkeypatch.context() as patch:
        patch.setattr(memory, "available_memory", lambda device: None)
        assert "this system does not say how much it has" in said(training, **part)
    with monkeypatch.context() as patch:
        patch.setattr(memory, "computed", planted(PipelineError("the network is strange")))
        assert said(training, **part).endswith("What fits is not known: the network is strange")
    with monkeypatch.context() as patch:
        patch.setattr(memory, "available_memory", lambda device: 10**12)
        found = said(training, **part)
        assert "of which others must have taken some" in found and "would do with half:\n  train.accumulate: " in found
    monkeypatch.setattr(memory, "available_memory", lambda device: 1000)
    assert "No line of params.yaml would fit" in said(training, **part)


def test_other_errors_stay_what_they_are(training: Training) -> None:
    run = replace(training.run, progress=loop.Progress(), backward=planted(RuntimeError("shapes differ")))
    with pytest.raises(RuntimeError, match="shapes differ"), translate_out_of_memory(training, run):
        loop.fit(run)


def test_what_torch_really_raises_is_understood() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**55, dtype=torch.uint8)
    assert is_out_of_memory(raised.value)
