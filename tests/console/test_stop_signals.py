"""A signal becomes a request, which is answered between two pieces of work; a second one is not waited for."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from segpipe.console import stop_signals
from tests.structure.imports import ROOT

WAITS = """
import time
from segpipe.console import stop_signals
with stop_signals.listening() as request:
    print("started", flush=True)
    while True:
        time.sleep(0.05)
"""


@pytest.fixture(autouse=True)
def not_ignored() -> Iterator[None]:
    """Who runs the tests in the background may have had Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(("number", "code", "name"), [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")])
def test_work_goes_on_until_it_may_end(number: signal.Signals, code: int, name: str) -> None:
    done = []
    with stop_signals.listening() as request:
        signal.raise_signal(number)
        done.append("a step")
        with pytest.raises(stop_signals.Stopped) as ended, request.at_once():
            done.append("never")
    assert (done, ended.value.code, ended.value.name) == (["a step"], code, name)


def test_where_it_may_end_it_ends_at_once() -> None:
    with stop_signals.listening() as request, pytest.raises(stop_signals.Stopped), request.at_once():
        signal.raise_signal(signal.SIGTERM)
        pytest.fail("it went on")


def test_behind_it_signals_do_what_they_did() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)]
    with stop_signals.listening():
        signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGCHLD) != before[2], "torch would raise for its workers"
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)] == before
    assert not stop_signals.ask_to_stop()


def test_what_nohup_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with stop_signals.listening() as request:
        signal.raise_signal(signal.SIGINT)
        assert request.number == 0


def test_another_thread_listens_to_none() -> None:
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work() -> None:
        with stop_signals.listening():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


def test_a_thread_can_ask_and_asks_once() -> None:
    with stop_signals.listening() as request:
        found: list[bool] = []
        for _ in range(2):
            thread = threading.Thread(target=lambda: found.append(stop_signals.ask_to_stop()))
            thread.start()
            thread.join()
        assert (found, request.number) == ([True, True], signal.SIGTERM)


def test_a_second_signal_ends_it_and_a_repeated_one_does_not() -> None:
    process = subprocess.Popen([sys.executable, "-c", WAITS], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert process.stdout and process.stderr
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        time.sleep(stop_signals.SAME_S + 0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 130
        assert process.stderr.read() == b"\nCtrl-C: saves its state after this batch; once more ends it at once\n"
    finally:
        process.kill()


def test_a_forked_process_leaves_it_to_its_parent() -> None:
    with stop_signals.listening() as request:
        child = os.fork()
        if child == 0:
            signal.raise_signal(signal.SIGINT)
            os._exit(7 if request.number == 0 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_without_what_windows_lacks_another_thread_can_ask_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SIGCHLD", "pthread_kill"):
        monkeypatch.delattr(signal, name)
    with stop_signals.listening() as request:
        threading.Thread(target=stop_signals.ask_to_stop).start()
        end = time.monotonic() + 10
        while not request.number and time.monotonic() < end:
            time.sleep(0.01)
    assert request.number == signal.SIGTERM
