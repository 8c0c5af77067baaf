"""The time that a training has taken, by the clock on the wall or by the processors' own."""

import time
from collections.abc import Callable

import psutil

KINDS = ("wall", "cpu")


def seconds(work: Callable[[], object]) -> float:
    """What one call takes by the clock on the wall."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def since_start(kind: str, threads: int) -> Callable[[], float]:
    """A function that gives the seconds since this process was started, imports and all.

    `cpu` is the CPU time of the process and its workers, divided by the threads: for a computer that others use at the same time.
    It is what the clock on the wall would say if nothing ever waited: a training that leaves processors idle looks better by it.
    """
    own = psutil.Process()
    if kind == "wall":
        return lambda: time.time() - own.create_time()
    return lambda: (cpu(own) + sum(cpu(each) for each in own.children(recursive=True))) / threads


def cpu(process: psutil.Process) -> float:
    """Of the process and of those of its children that have ended."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0  # A worker ended between being listed and being asked; its parent has its time.
    return times.user + times.system + times.children_user + times.children_system
