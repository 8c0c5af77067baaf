"""A site's end of a federation: it answers Flower's server over TLS, and comes back when the connection breaks."""

import queue
import time
from collections.abc import Callable, Iterator
from typing import Any

from segpipe.errors import PipelineError, plain
from segpipe.federation.certificates import Identity
from segpipe.federation.flower import FlowerServiceStub, grpc, messages
from segpipe.federation.payload import Content, largest_answer
from segpipe.storage import checksummed

Answer = Callable[[dict[str, Any], dict[str, Any]], Content]
"""Given what a round sent, tensors by name and what is said of them: what this site answers, in the same form."""

PAUSE = 1.0
"""Seconds between two attempts to connect."""
OPTIONS = [
    ("grpc.max_receive_message_length", 2**31 - 1),  # what protobuf can hold; the server is the site's own choice
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 5_000),
]


def take_part(
    address: str, identity: Identity, answer: Answer, patience: float = 600.0, say: Callable[[str], None] = print
) -> int:
    """Answers the server at `HOST:PORT` until it says that the run has ended; returns how many rounds were answered.

    `answer` is the only code that runs. Where the server is not there, or the connection breaks, it tries again for `patience`
    seconds. Raises PipelineError then, and at once where the server is not of the site's authority, or does not want the site.
    """
    rounds, since = 0, time.monotonic()
    while True:
        try:
            with grpc.secure_channel(address, _credentials(identity), options=OPTIONS) as channel:
                for over in _conversation(channel, answer):
                    if over:
                        return rounds
                    rounds, since = rounds + 1, time.monotonic()
            reason = "it ended the connection"
        except grpc.RpcError as error:
            _give_up(error, address, identity)
            reason = _reason(error)
        if time.monotonic() - since > patience:
            raise PipelineError(
                f"{address}: no server answers {identity.name} ({reason}), tried for {patience:g} s. "
                "Is the address right, and does the run still go on? Start this again when it does."
            )
        say(f"no connection to {address} ({reason}); tried again")
        time.sleep(PAUSE)


def _conversation(channel: Any, answer: Answer) -> Iterator[bool]:
    """Yields False after each answer, and True when the run is over. Raises grpc.RpcError where the connection breaks."""
    answers: queue.Queue[Any] = queue.Queue()
    try:
        for message in FlowerServiceStub(channel).Join(iter(answers.get, None)):
            if message.WhichOneof("msg") == "reconnect_ins":
                answers.put(
                    messages.ClientMessage(disconnect_res=messages.ClientMessage.DisconnectRes(reason=messages.Reason.ACK))
                )
                yield True
                return
            answers.put(messages.ClientMessage(fit_res=messages.ClientMessage.FitRes(parameters=_answered(message, answer))))
            yield False
    finally:
        answers.put(None)  # ends the thread that waits for answers


def _answered(message: Any, answer: Answer) -> Any:
    """The bytes of the site's answer in Flower's form. Raises PipelineError for what no server of segpipe sends."""
    try:
        (content,) = message.fit_ins.parameters.tensors
        tensors, about = checksummed.opened(content)
    except ValueError as error:
        raise PipelineError(
            f"the server sent what segpipe does not ({plain(str(error))}). Do both run the same version?"
        ) from None
    reply = checksummed.seal(*answer(tensors, about))
    if len(reply) > largest_answer(tensors):
        # The server would cut it off, and could not say why to an end that is still sending.
        raise PipelineError(f"the answer has {len(reply):,} bytes, and at most {largest_answer(tensors):,} fit what was asked.")
    return messages.Parameters(tensors=[reply], tensor_type="segpipe")


def _credentials(identity: Identity) -> Any:
    return grpc.ssl_channel_credentials(identity.authority, identity.key, identity.certificate)


def _give_up(error: Any, address: str, identity: Identity) -> None:
    """Raises PipelineError for what trying again would not mend."""
    reason = _reason(error)
    if error.code() == grpc.StatusCode.PERMISSION_DENIED:
        raise PipelineError(f"{address}: {reason}. Ask who runs the server to name it there.") from None
    if "SSL_ERROR_SSL" in reason or "Hostname" in reason or "Peer name" in reason:
        raise PipelineError(
            f"{address}: the server has no certificate of the authority of {identity.name}, or not for this address ({reason}). "
            "Take the address for which `segpipe federation certificates` was run, and the folder that it made for this site."
        ) from None


def _reason(error: Any) -> str:
    return plain(str(error.details() or error.code().name))
