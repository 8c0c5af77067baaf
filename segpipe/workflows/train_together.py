"""The other processes of a training: the first starts them, and alone prints, saves and writes. All end together."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import torch
from torch import distributed as dist

from segpipe.console import command
from segpipe.errors import PipelineError
from segpipe.params.stage_keys import TrainKeys
from segpipe.training import device as devices
from segpipe.training.processes import ALONE, Group

INTERVAL_S, PATIENCE_S = 0.5, 5.0
"""Between two looks whether all are there; and how long the end of a process may be later than the error that it causes."""
STUCK_S = 60.0
"""The first process has so long to notice that another is gone and to end by itself."""


@contextlib.contextmanager
def together(params: TrainKeys, fold: int) -> Iterator[Group]:
    """This process as the first of runtime.processes, the others being started and connected; they are ended with the block.

    Raises PipelineError where one of them ends before it.
    """
    world = params.runtime.processes
    if world == 1:
        yield ALONE
        return
    with tempfile.TemporaryDirectory() as meeting, _others(params, fold, world, Path(meeting)) as others:
        try:
            yield connect(params, 0, world, Path(meeting))
        except RuntimeError:
            # What a collective operation raises when another process is gone.
            if sentence := _missing(others, PATIENCE_S):
                raise PipelineError(sentence) from None
            raise


def connect(params: TrainKeys, rank: int, world: int, meeting: Path) -> Group:
    """Connects this process with the others, which meet in the folder. Raises PipelineError where there are too few GPUs."""
    if devices.select_device(params.runtime.device).type == "cuda":
        count = torch.cuda.device_count()
        if world > count:
            raise PipelineError(f"runtime.processes: {world}, but there are {count} GPUs. Write {count}, or runtime.device cpu.")
        torch.cuda.set_device(rank)
    if sys.platform == "linux":
        # All are on this machine; the name that it has elsewhere may lead nowhere.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, init_method=f"file://{meeting}/store", rank=rank, world_size=world)
    return Group(rank, world)


@contextlib.contextmanager
def _others(params: TrainKeys, fold: int, world: int, meeting: Path) -> Iterator[Sequence[subprocess.Popen[str]]]:
    """The other processes, by rank from 1 on, as long as the block runs."""
    started = [_start(params, fold, rank, world, meeting) for rank in range(1, world)]
    over = threading.Event()
    threading.Thread(target=_watch, args=(started, over, meeting), daemon=True, name="other-processes").start()
    try:
        yield started
    finally:
        over.set()
        for process in started:
            process.kill()
            process.wait()
        # Only now, or they would say that they have lost the first.
        if dist.is_initialized():
            dist.destroy_process_group()


def _start(params: TrainKeys, fold: int, rank: int, world: int, meeting: Path) -> subprocess.Popen[str]:
    options = [str(value) for value in (fold, rank, world, meeting)]
    # The very code that this process runs, wherever Python would look for it.
    path = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = subprocess.Popen(
        [sys.executable, "-m", "segpipe.workflows.train_along", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert process.stdin
    # Its end, when this process is gone, ends the other.
    process.stdin.write(params.model_dump_json() + "\n")
    process.stdin.flush()
    return process


def _missing(others: Sequence[subprocess.Popen[str]], patience: float) -> str:
    """The sentence of a process that failed or was killed, waited for so long; empty where there is none.

    One that trained to the end is done, while the first still writes.
    """
    until = time.monotonic() + patience
    while True:
        for rank, process in enumerate(others, start=1):
            if process.poll():
                return (
                    f"process {rank + 1} of {len(others) + 1} (runtime.processes) ended, {_how(process.returncode)}, and the "
                    "training with it. The same command goes on from the saved state."
                )
        if time.monotonic() > until:
            return ""
        time.sleep(0.1)


def _how(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"with exit code {status}"


def _watch(others: Sequence[subprocess.Popen[str]], over: threading.Event, meeting: Path) -> None:
    """Ends this process where another failed and no operation tells so: it would wait for it in vain."""
    while not over.wait(INTERVAL_S):
        if sentence := _missing(others, 0.0):
            # One that ended in an error has said which, and so does this process, if it is the same one.
            if not over.wait(STUCK_S if dist.is_initialized() else PATIENCE_S):
                print(f"error: {sentence}", file=sys.stderr, flush=True)
                _leave(meeting, 2)
            return


def _leave(meeting: Path, status: int) -> NoReturn:
    """Ends this process where it is, and deletes the folder where all met."""
    # Not before torch has found it: it would wait for it, and let no other thread run meanwhile.
    if dist.is_initialized():
        shutil.rmtree(meeting, ignore_errors=True)
    os._exit(status)


def end_with_the_first(meeting: Path) -> None:
    """Lets a small thread end this process when the first one, which holds the other end of its input, is gone.

    One that was killed has left the folder where all meet, which goes then.
    """

    def wait() -> None:
        # Not sys.stdin.read, whose lock a loader's worker would inherit locked, and wait for when it closes its input.
        os.read(0, 1)
        _leave(meeting, 1)

    # A signal to all of a terminal's processes is the first one's to answer.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=wait, daemon=True, name="end-with-the-first").start()
    command.set_environment()
