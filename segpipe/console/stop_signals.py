"""Ctrl-C and SIGTERM as a request: the work goes on to a place where nothing of it is lost, and ends there."""

import _thread
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
SAME_S = 0.5
"""A signal that comes again so soon is the same one: timeout(1) sends it to a process and once more to its group."""


class Stopped(SystemExit):
    """Ends the process as the signal would have, by exit code: 130 after Ctrl-C, 143 after SIGTERM."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.name = SIGNALS[signal.Signals(number)]


class StopRequest:
    """Whether a signal asked the work to stop: `number` is that of the signal, 0 as long as none came."""

    def __init__(self) -> None:
        self.number = 0
        self._came = 0.0
        self._raises = False
        self._process = os.getpid()

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Inside, a signal raises Stopped wherever the work is, and so does one that came before."""
        self._raises = True
        try:
            if self.number:
                raise Stopped(self.number)
            yield
        finally:
            self._raises = False

    def receive(self, number: int, frame: FrameType | None) -> None:
        """What the process does with a signal; the second one ends it, which costs no more than SIGKILL at any moment does."""
        if os.getpid() != self._process:
            # A loader's worker, forked from this process: it ends when its loader says so, or has nobody left to work for.
            return
        if self.number:
            if time.monotonic() - self._came > SAME_S:
                os._exit(128 + number)
            return
        self.number, self._came = number, time.monotonic()
        # Workers that the same signal has ended are missed where a batch is waited for; torch would raise inside a step.
        if hasattr(signal, "SIGCHLD"):  # not on Windows, where torch asks for none
            signal.signal(signal.SIGCHLD, lambda number, frame: None)
        if self._raises:
            raise Stopped(number)
        # Not print, which this handler may have interrupted.
        os.write(
            2, f"\n{SIGNALS[signal.Signals(number)]}: saves its state after this batch; once more ends it at once\n".encode()
        )


_listening: list[StopRequest] = []


@contextmanager
def listening() -> Iterator[StopRequest]:
    """Inside, Ctrl-C and SIGTERM are a request. Not outside the main thread, nor where a signal is ignored, as nohup does."""
    request = StopRequest()
    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: found for number in SIGNALS if (found := signal.getsignal(number)) is not signal.SIG_IGN}
        children = signal.getsignal(signal.SIGCHLD) if hasattr(signal, "SIGCHLD") else None
        for number in before:
            signal.signal(number, request.receive)
    if before:
        _listening.append(request)
    try:
        yield request
    finally:
        if before:
            _listening.remove(request)
        for number, handler in before.items():
            signal.signal(number, handler)
        if request.number and hasattr(signal, "SIGCHLD"):
            signal.signal(signal.SIGCHLD, children)


def ask_to_stop() -> bool:
    """Asks the work that listens to stop, as SIGTERM does, unless it was asked before; False where none listens.

    For another thread than the main one.
    """
    for request in _listening:
        main = threading.main_thread().ident
        if not request.number and main is not None:
            # To the main thread, which may be waiting: a signal to the process might wake another.
            if hasattr(signal, "pthread_kill"):
                signal.pthread_kill(main, signal.SIGTERM)
            else:  # Windows: handled as soon as the main thread runs Python again
                _thread.interrupt_main(signal.SIGTERM)
    return bool(_listening)
