"""Server and sites over loopback with TLS, by Flower; `make federated-test` runs it, since our own environment has no Flower."""

import importlib.util
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from segpipe.errors import PipelineError
from segpipe.federation import certificates
from segpipe.federation.payload import Content, largest_answer
from segpipe.federation.rounds import Patience
from tests.structure.imports import ROOT

pytestmark = pytest.mark.skipif(importlib.util.find_spec("flwr") is None, reason="needs Flower: make federated-test")

MODEL = {"weight": torch.zeros(1000), "steps": torch.zeros((), dtype=torch.int64)}
SITES = ("a", "b", "c")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Here, since threads that import them for the first time at once disturb each other.
    importlib.import_module("segpipe.federation.server")
    importlib.import_module("segpipe.federation.client")
    made = tmp_path_factory.mktemp("federation")
    certificates.make(made, "127.0.0.1", [*SITES, "stranger"])
    return made


@pytest.fixture
def address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


class Server:
    """A server in a thread: the rounds' answers, what it said, and the error that ended it."""

    def __init__(
        self, address: str, folder: Path, rounds: int, sites: tuple[str, ...], patience: Patience, until_all: bool = False
    ) -> None:
        self.answers: list[dict[str, Content]] = []
        self.said: list[str] = []
        self.error: Exception | None = None
        self.rounds, self.last = rounds, set(sites) if until_all else set()
        arguments = (address, certificates.read(folder / "server"), sites, patience)
        self.thread = threading.Thread(target=self._serve, args=arguments, daemon=True)
        self.thread.start()

    def _serve(self, address: str, identity: certificates.Identity, sites: tuple[str, ...], patience: Patience) -> None:
        from segpipe.federation.server import serve

        try:
            serve(
                address,
                identity,
                sites,
                (MODEL, {"round": 0}),
                self._done,
                accept,
                largest_answer(MODEL),
                patience,
                self.said.append,
            )
        except PipelineError as error:
            self.error = error

    def _done(self, number: int, answers: dict[str, Content]) -> Content | None:
        self.answers.append(answers)
        enough = number + 1 >= self.rounds and self.last <= answers.keys()
        return None if enough else (MODEL, {"round": number + 1})

    def end(self) -> None:
        self.thread.join(60)
        assert not self.thread.is_alive()

    def until(self, said: str) -> None:
        wait_for(lambda: any(said in line for line in self.said))


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def accept(site: str, content: Content) -> None:
    """Any answer that is as large as what was sent."""


def echo(tensors: dict[str, Any], about: dict[str, Any]) -> Content:
    return tensors, {"round": about["round"]}


def site(address: str, folder: Path, answer: Callable[[dict[str, Any], dict[str, Any]], Content] = echo) -> threading.Thread:
    """A site in a thread of this process."""
    from segpipe.federation.client import take_part

    def run() -> None:
        try:
            take_part(address, certificates.read(folder), answer, 30, lambda line: None)
        except PipelineError as error:
            errors[thread] = str(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


errors: dict[threading.Thread, str] = {}


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def start(processes: list[subprocess.Popen[str]], address: str, folder: Path, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.federation.site", address, str(folder), str(seconds)]
    processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT))
    return processes[-1]


def read_until(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout
    assert any(line.startswith(word) for line in process.stdout), f"{word} was never said"


def test_a_site_that_is_killed_in_a_round_does_not_end_the_run_and_comes_back(
    folder: Path, address: str, started: list[subprocess.Popen[str]]
) -> None:
    server = Server(address, folder, 4, SITES, Patience(60, 60), until_all=True)
    others = [start(started, address, folder / "sites" / name, 0.5) for name in ("a", "b")]
    killed = start(started, address, folder / "sites/c", 30)
    read_until(killed, "asked 0")
    killed.kill()
    died = time.monotonic()
    server.until("site c gave no answer")
    # Not after its answer's time, nor a heartbeat's.
    assert time.monotonic() - died < 5
    start(started, address, folder / "sites/c", 0)
    server.end()
    for process in others:
        read_until(process, f"rounds {len(server.answers)}")
    assert set(server.answers[0]) == {"a", "b"} and set(server.answers[-1]) == set(SITES)
    tensors, about = server.answers[-1]["c"]
    assert bool((tensors["weight"] == 1).all()) and int(tensors["steps"]) == 1 and about == {"images": 1}
    assert sum("site c is connected" in line for line in server.said) == 2


def test_a_site_goes_on_with_a_server_that_was_started_again(folder: Path, address: str) -> None:
    first = Server(address, folder, 1, ("a", "b"), Patience(0.5, 1))
    first.end()
    assert "no site has been connected" in str(first.error)
    threads = [site(address, folder / "sites/a")]
    time.sleep(1)
    second = Server(address, folder, 2, ("a",), Patience(60, 60))
    second.end()
    threads[0].join(60)
    assert [set(answers) for answers in second.answers] == [{"a"}, {"a"}]


def test_a_site_of_another_authority_does_not_trust_the_server_nor_is_it_let_in(
    folder: Path, address: str, tmp_path: Path
) -> None:
    certificates.make(tmp_path, "127.0.0.1", ["a"])
    server = Server(address, folder, 1, ("a",), Patience(60, 60))
    suspicious = site(address, tmp_path / "sites/a")
    suspicious.join(60)
    assert "no certificate of the authority of a" in errors[suspicious]
    # One that trusts the server, but has the certificate of another authority.
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for name in (certificates.CERTIFICATE, certificates.KEY):
        (mixed / name).write_bytes((tmp_path / "sites/a" / name).read_bytes())
    (mixed / certificates.AUTHORITY).write_bytes((folder / "authority.pem").read_bytes())
    with pytest.raises(PipelineError, match="no server answers a"):
        _take_part(address, mixed, 2)
    assert server.said == []
    site(address, folder / "sites/a")
    server.end()
    assert set(server.answers[0]) == {"a"}


def _take_part(address: str, folder: Path, patience: float) -> int:
    from segpipe.federation.client import take_part

    return take_part(address, certificates.read(folder), echo, patience, lambda line: None)


def test_a_site_cannot_pass_itself_off_as_the_server(folder: Path, address: str) -> None:
    """Its certificate is of the same authority, but for another purpose."""
    from segpipe.federation.server import serve

    def run() -> None:
        with pytest.raises(PipelineError, match="no site"):
            own = certificates.read(folder / "sites/c")
            serve(address, own, ["a"], (MODEL, {}), lambda *_: None, accept, 10**6, Patience(3, 1))

    thread = threading.Thread(target=run)
    thread.start()
    with pytest.raises(PipelineError, match="no certificate of the authority of a"):
        _take_part(address, folder / "sites/a", 2)
    thread.join()


def test_a_certificate_for_another_address_is_not_enough(folder: Path, address: str, tmp_path: Path) -> None:
    certificates.make(tmp_path, "server.example.org", ["a"])
    server = Server(address, tmp_path, 1, ("a",), Patience(3, 1))
    with pytest.raises(PipelineError, match="not for this address"):
        _take_part(address, tmp_path / "sites/a", 2)
    server.end()


def test_a_site_that_is_not_named_is_refused(folder: Path, address: str) -> None:
    server = Server(address, folder, 1, ("a",), Patience(60, 60))
    with pytest.raises(PipelineError, match="stranger is no site of this run"):
        _take_part(address, folder / "sites/stranger", 5)
    assert _take_part(address, folder / "sites/a", 5) == 1
    server.end()
    assert any("refused: stranger" in line for line in server.said)


def _nan(tensors: dict[str, Any], about: dict[str, Any]) -> Content:
    return tensors | {"weight": tensors["weight"] * float("nan")}, about


def _wider(tensors: dict[str, Any], about: dict[str, Any]) -> Content:
    return tensors | {"weight": torch.zeros(1001)}, about


def _larger(tensors: dict[str, Any], about: dict[str, Any]) -> Content:
    return tensors | {"weight": torch.zeros(10**6)}, about


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (_nan, "the answer of site b is refused: weight holds numbers that are not finite"),
        (_wider, "the answer of site b is refused: weight is float32[1001] and not float32[1000]"),
        (_larger, "site b gave no answer: its connection broke, or what it sent was larger than may be"),
    ],
)
def test_a_wrong_answer_is_refused_and_the_run_goes_on(
    answer: Callable[[dict[str, Any], dict[str, Any]], Content],
    sentence: str,
    folder: Path,
    address: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("segpipe.federation.rounds.RETURN_SECONDS", 0.1)
    server = Server(address, folder, 2, ("a", "b"), Patience(60, 60))
    threads = [site(address, folder / "sites/a"), site(address, folder / "sites/b", answer)]
    server.end()
    for thread in threads:
        thread.join(60)
    assert any(sentence in line for line in server.said), server.said
    assert [set(answers) for answers in server.answers] == [{"a"}, {"a"}]
    if answer is _larger:
        assert "fit what was asked" in errors[threads[1]]


def test_a_slow_site_is_cut_off_and_comes_back(folder: Path, address: str) -> None:
    def slow_at_first(tensors: dict[str, Any], about: dict[str, Any]) -> Content:
        time.sleep(3 if about["round"] == 0 else 0)
        return tensors, about

    server = Server(address, folder, 3, ("a", "b"), Patience(60, 1))
    site(address, folder / "sites/a")
    site(address, folder / "sites/b", slow_at_first)
    server.end()
    assert any("site b gave no answer: none came within 1 s" in line for line in server.said)
    assert [set(answers) for answers in server.answers] == [{"a"}, {"a", "b"}, {"a", "b"}]


def _channel(address: str, folder: Path, **more: Any) -> Any:
    import grpc

    identity = certificates.read(folder)
    credentials = grpc.ssl_channel_credentials(identity.authority, identity.key, identity.certificate)
    channel = grpc.secure_channel(address, credentials, **more)
    grpc.channel_ready_future(channel).result(30)
    return channel


def _fit_res(content: bytes) -> Any:
    from flwr.proto.transport_pb2 import ClientMessage, Parameters

    return ClientMessage(fit_res=ClientMessage.FitRes(parameters=Parameters(tensors=[content])))


def test_a_site_that_sends_without_being_asked_fills_no_memory(folder: Path, address: str) -> None:
    from flwr.proto.transport_pb2_grpc import FlowerServiceStub

    server = Server(address, folder, 1, ("a", "b"), Patience(60, 60))
    sent = 0

    def flood() -> Iterator[Any]:
        nonlocal sent
        while True:
            sent += 1
            yield _fit_res(b"x" * 10**6)

    with _channel(address, folder / "sites/b") as channel:
        # Held, since a call that nobody holds is cancelled.
        stream = FlowerServiceStub(channel).Join(flood())
        server.until("site b is connected")
        time.sleep(2)
        # What lies on the way, and in gRPC's windows.
        assert sent < 50
        site(address, folder / "sites/a")
        server.end()
        stream.cancel()
    assert set(server.answers[0]) == {"a"}
    assert any("the answer of site b is refused" in line for line in server.said)


def test_a_message_that_grows_when_it_is_unpacked_is_refused(folder: Path, address: str) -> None:
    import grpc
    from flwr.proto.transport_pb2_grpc import FlowerServiceStub

    server = Server(address, folder, 1, ("a",), Patience(60, 60))
    with _channel(address, folder / "sites/a", compression=grpc.Compression.Gzip) as channel:
        with pytest.raises(grpc.RpcError) as raised:
            next(FlowerServiceStub(channel).Join(iter([_fit_res(bytes(10**8))])))
        assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED
    site(address, folder / "sites/a")
    server.end()


def test_more_bytes_than_may_be_are_cut_off_while_they_arrive(
    folder: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import grpc
    from flwr.proto.transport_pb2_grpc import FlowerServiceStub

    monkeypatch.setattr("segpipe.federation.rounds.RETURN_SECONDS", 0.1)
    server = Server(address, folder, 1, ("a", "b"), Patience(60, 60))
    site(address, folder / "sites/a")
    with _channel(address, folder / "sites/b") as channel:
        stream = FlowerServiceStub(channel).Join(iter([_fit_res(b"x" * 10**8)]))
        # Before it has read what it is asked, or after.
        with pytest.raises(grpc.RpcError):
            [next(stream) for _ in range(2)]
        server.end()
    assert any("site b gave no answer: its connection broke" in line or "goes on without b" in line for line in server.said)
    assert set(server.answers[0]) == {"a"}


@pytest.mark.parametrize("content", [b"", b"\x80\x04\x95", b"x" * 1000])
def test_bytes_of_another_kind_are_refused(content: bytes, folder: Path, address: str) -> None:
    from flwr.proto.transport_pb2_grpc import FlowerServiceStub

    server = Server(address, folder, 1, ("a", "b"), Patience(60, 60))
    site(address, folder / "sites/a")
    with _channel(address, folder / "sites/b") as channel:
        stream = FlowerServiceStub(channel).Join(iter([_fit_res(content)]))
        next(stream)
        server.end()
    assert set(server.answers[0]) == {"a"}
    assert any("the answer of site b is refused: it" in line for line in server.said)


def test_two_servers_do_not_share_an_address(folder: Path, address: str) -> None:
    over = threading.Event()

    def waits(tensors: dict[str, Any], about: dict[str, Any]) -> Content:
        over.wait(60)
        return tensors, about

    server = Server(address, folder, 1, ("a",), Patience(60, 60))
    site(address, folder / "sites/a", waits)
    server.until("site a is connected")
    second = Server(address, folder, 1, ("a",), Patience(60, 60))
    second.end()
    over.set()
    server.end()
    assert "could not be listened at" in str(second.error) and server.error is None
