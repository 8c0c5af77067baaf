"""The server of a federation: Flower's, behind TLS that knows every site by its certificate.

Flower's protocol, servicer and client proxies; connections, limits and names are ours, since its `start_server` knows neither who
a client is nor how much it may send.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from segpipe.errors import PipelineError, plain
from segpipe.federation.certificates import Identity
from segpipe.federation.flower import (
    FitIns,
    FlowerServiceServicer,
    GrpcBridgeClosed,
    Parameters,
    ReconnectIns,
    add_FlowerServiceServicer_to_server,
    grpc,
)
from segpipe.federation.payload import Content
from segpipe.federation.rounds import Check, NoAnswerError, Patience, RoundDone, run_rounds

END_SECONDS = 10.0
"""How long the end waits for sites to hear of it."""
WIRE_BYTES = 2**16
"""What Flower's message takes around the bytes of ours."""


def serve(
    address: str,
    identity: Identity,
    sites: Sequence[str],
    first: Content,
    round_done: RoundDone,
    check: Check,
    limit: int,
    patience: Patience | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Holds rounds over the sites that connect, until `round_done` gives None; see `run_rounds`.

    address: `HOST:PORT` to listen at, such as `0.0.0.0:9443` or `[::]:9443`.
    sites: who may take part; their certificates are of the same authority as `identity`, and bear these names.
    first: what round 0 sends.
    check: refuses an answer that is none to what was asked, beside what `payload.read_answer` refuses.
    limit: the most bytes an answer may have in any round (`payload.largest_answer`); more is cut off while it arrives.

    Raises PipelineError where it cannot listen there, or no site is left.
    """
    connections = _Connections(set(sites), say)
    server = _listen(address, identity, connections, limit + WIRE_BYTES)
    try:
        run_rounds(connections, sites, first, round_done, check, patience or Patience(), say)
        connections.end()
    finally:
        server.stop(grace=1).wait()


class _Connection:
    """A site's stream; to Flower it is the manager of one client, so that a site goes by the name in its certificate."""

    def __init__(self, site: str, context: Any, all_of: "_Connections") -> None:
        self.site, self.context, self.all_of = site, context, all_of
        self.client: Any = None
        self.closed = False
        self.asked = threading.Semaphore(0)

    def register(self, client: Any) -> bool:
        """Called by Flower when the stream begins. False where it has ended since."""
        self.client = client
        # Before Flower's own callback, which is not added to a stream that ended: nobody would close the bridge then.
        if not self.context.add_callback(self.close):
            return False
        self.all_of.enter(self)
        return True

    def unregister(self, client: Any) -> None:
        """Called by Flower when the stream has ended; `close` has done it all."""

    def close(self) -> None:
        """Ends what waits for this site, in whichever thread."""
        self.context.cancel()
        self.closed = True
        self.asked.release()
        self.client.bridge.close()
        self.all_of.leave(self)

    def one_an_ask(self, messages: Iterator[Any]) -> Iterator[Any]:
        """The site's messages, none read before it was asked: Flower would read ahead without end, into memory."""
        while self.asked.acquire() and not self.closed:
            try:
                yield next(messages)
            except StopIteration:
                return

    def ask(self, question: Callable[[], Any], seconds: float) -> Any:
        """What Flower's client returns. Raises NoAnswerError, when the time is over too; the stream is cut then."""
        late = threading.Event()

        def cut() -> None:
            late.set()
            self.close()

        timer = threading.Timer(seconds, cut)
        timer.start()
        self.asked.release()
        try:
            return question()
        except GrpcBridgeClosed:
            raise NoAnswerError(
                f"none came within {seconds:g} s"
                if late.is_set()
                else "its connection broke, or what it sent was larger than may be"
            ) from None
        except Exception as error:
            # Whatever a site sends, it cannot end the run.
            raise NoAnswerError(f"{type(error).__name__}: {plain(str(error))[:200]}") from None
        finally:
            timer.cancel()


class _Connections:
    """Flower's service, and the sites that are connected to it."""

    def __init__(self, expected: set[str], say: Callable[[str], None]) -> None:
        self.expected, self.say = expected, say
        self.by_site: dict[str, _Connection] = {}
        self.changed = threading.Condition()

    def Join(self, messages: Iterator[Any], context: Any) -> Iterator[Any]:  # noqa: N802 - Flower's name
        """A site's stream, from its beginning to its end; gRPC calls it in a thread of its own."""
        site = b"".join(context.auth_context().get("x509_common_name", [])).decode("utf-8", "replace")
        if site not in self.expected:
            self.say(f"refused: {plain(site)[:80]}, which is no site of this run")
            context.abort(grpc.StatusCode.PERMISSION_DENIED, f"{site} is no site of this run")
        connection = _Connection(site, context, self)
        yield from FlowerServiceServicer(connection).Join(connection.one_an_ask(messages), context)

    def enter(self, connection: _Connection) -> None:
        """A site that is back before its end was noticed takes the place of its older connection."""
        with self.changed:
            older = self.by_site.get(connection.site)
            self.by_site[connection.site] = connection
            self.changed.notify_all()
        self.say(f"site {connection.site} is connected")
        if older:
            older.close()

    def leave(self, connection: _Connection) -> None:
        with self.changed:
            if self.by_site.get(connection.site) is connection:
                del self.by_site[connection.site]
                self.changed.notify_all()

    def connected(self) -> set[str]:
        with self.changed:
            return set(self.by_site)

    def wait_for(self, names: set[str], seconds: float) -> None:
        with self.changed:
            self.changed.wait_for(lambda: names <= self.by_site.keys(), seconds)

    def wait_for_any(self, seconds: float) -> None:
        with self.changed:
            self.changed.wait_for(lambda: bool(self.by_site), seconds)

    def ask(self, site: str, content: bytes, seconds: float) -> bytes:
        with self.changed:
            connection = self.by_site.get(site)
        if connection is None:
            raise NoAnswerError("its connection broke")
        question = FitIns(Parameters([content], "segpipe"), {})
        answer = connection.ask(lambda: connection.client.fit(question, None, None), seconds)
        if len(answer.parameters.tensors) != 1:
            raise NoAnswerError(f"{len(answer.parameters.tensors)} parts came instead of one")
        return bytes(answer.parameters.tensors[0])

    def end(self) -> None:
        """Tells all who are connected that it is over."""

        def tell(connection: _Connection) -> None:
            # Who does not hear of it finds no server when it comes back.
            with contextlib.suppress(NoAnswerError):
                connection.ask(lambda: connection.client.reconnect(ReconnectIns(None), None, None), END_SECONDS)

        with self.changed:
            present = list(self.by_site.values())
        with ThreadPoolExecutor(max(1, len(present))) as threads:
            list(threads.map(tell, present))


def _listen(address: str, identity: Identity, connections: _Connections, limit: int) -> Any:
    """A gRPC server that has begun to listen, and lets in who has a certificate of the authority."""
    streams = 2 * len(connections.expected) + 2  # a site that is back, beside its older connection, and some who are refused
    options = [
        ("grpc.max_receive_message_length", limit),
        ("grpc.max_send_message_length", -1),
        # A machine that vanished is noticed within 50 s, a process that died at once.
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.http2.min_ping_interval_without_data_ms", 20_000),
        # A small message could grow beyond the limit when it is unpacked.
        ("grpc.compression_enabled_algorithms_bitset", 1),
        # Two servers at one address would share the sites, each some.
        ("grpc.so_reuseport", 0),
    ]
    server = grpc.server(ThreadPoolExecutor(streams), maximum_concurrent_rpcs=streams, options=options)
    add_FlowerServiceServicer_to_server(connections, server)
    pair = (identity.key, identity.certificate)
    try:
        server.add_secure_port(address, grpc.ssl_server_credentials((pair,), identity.authority, require_client_auth=True))
    except RuntimeError:
        raise PipelineError(
            f"{address}: could not be listened at. Is the port in use? It takes HOST:PORT of this machine, such as 0.0.0.0:9443."
        ) from None
    server.start()
    return server
