"""A file from the network: mirrors in order, resumed where it broke, checked by SHA-256."""

import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit
from urllib.request import url2pathname

import requests
from urllib3 import exceptions as urllib3

from segpipe.console.progress import track
from segpipe.errors import PipelineError
from segpipe.storage.files import sha256_of, write_with
from segpipe.storage.lock import exclusive

MIB = 2**20
PIECE = 2**16  # bytes asked of the connection at once
PROGRESS = MIB  # bytes that make a try worth another one
PASSING = {408, 425, 429}  # answers that may be better a moment later, as are all from 500 on
NOTHING_FOLLOWS = 416


@dataclass(frozen=True)
class _Rules:
    """How patient to be with one mirror, and how much to take from it."""

    timeout_s: float
    attempts: int
    pause_s: float
    max_bytes: int | None


class _MirrorError(Exception):
    """This mirror will not do, and its message says why."""


class _TransferError(_MirrorError):
    """The transfer broke, and another try may go further."""


def fetch(
    urls: Sequence[str],
    sha256: str,
    destination: Path,
    partial_dir: Path,
    timeout_s: float = 30.0,
    *,
    attempts: int = 3,
    pause_s: float = 2.0,
    max_bytes: int | None = None,
) -> None:
    """Puts the file with this SHA-256 at `destination`, from the first of the `urls` (http, https, file) that has it.

    What has arrived waits in `partial_dir/<sha256>.part`, where the next call goes on. A connection silent for
    `timeout_s` seconds has broken; a mirror is given up after `attempts` tries in a row that brought less than a
    MiB, with `pause_s` seconds before the second and twice as long before each further one. No more than
    `max_bytes` are taken. Where the file is there already, nothing is asked.

    Raises PipelineError where no mirror has the file, the disk is full, or an address or the hash is malformed.
    """
    sha256 = sha256.lower()
    _check(urls, sha256)
    partial = partial_dir / f"{sha256}.part"
    try:
        if _is_there(destination, sha256):
            return
        partial_dir.mkdir(parents=True, exist_ok=True)
        with exclusive(partial.with_suffix(".lock"), f"the download of {destination.name}"):
            if not _is_there(destination, sha256):  # another process may have brought it meanwhile
                _fill(partial, urls, sha256, _Rules(timeout_s, attempts, pause_s, max_bytes), destination.name)
                write_with(destination, lambda temporary: shutil.move(partial, temporary))
    except OSError as error:
        where, why = error.filename or partial, error.strerror or error
        raise PipelineError(f"{where}: could not be written ({why}). Free space or mend the rights.") from error


def _check(urls: Sequence[str], sha256: str) -> None:
    """Raises PipelineError for a hash or an address that cannot be one."""
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise PipelineError(f"{sha256!r} is no SHA-256: expected 64 hexadecimal digits.")
    if not urls:
        raise PipelineError("No address to download from: give at least one.")
    for url in urls:
        if not re.match("(https?|file)://", url):
            raise PipelineError(f"{url!r} cannot be downloaded: expected an address with http://, https:// or file://.")


def _is_there(path: Path, sha256: str) -> bool:
    return path.is_file() and sha256_of(path) == sha256


def _fill(partial: Path, urls: Sequence[str], sha256: str, rules: _Rules, name: str) -> None:
    """Completes the partial file from the first mirror that can; PipelineError lists what happened to each."""
    if _is_there(partial, sha256):  # stopped between the last byte and the move
        return None
    happened = []
    for url in urls:
        try:
            return _from_mirror(url, partial, sha256, rules)
        except _MirrorError as failure:
            happened.append(f"  {url}: {failure}")
            _say(f"{url}: {failure}")
    if _size(partial) == 0:
        partial.unlink(missing_ok=True)
    raise PipelineError(
        f"{name}: no mirror has brought the file with SHA-256 {sha256}.\n" + "\n".join(happened) + "\n"
        "Check the network (a proxy is taken from https_proxy, its certificate from REQUESTS_CA_BUNDLE) and run this again: "
        "it goes on where it stopped. Or download the file by hand and set data.path to it."
    )


def _from_mirror(url: str, partial: Path, sha256: str, rules: _Rules) -> None:
    """Completes the partial file from one mirror, or raises _MirrorError."""
    for _ in range(2):
        patched = _to_the_end(url, partial, rules)
        found = sha256_of(partial)
        if found == sha256:
            return
        os.truncate(partial, 0)
        if not patched:  # every byte was this mirror's own: asking again would bring the same
            break
    raise _MirrorError(f"sent another file, with SHA-256 {found}")


def _to_the_end(url: str, partial: Path, rules: _Rules) -> bool:
    """Asks one mirror until the file is whole; returns what `_transfer` does.

    urllib3's Retry is not enough: it knows no break within the body, and no try that was worth it by what it brought.
    """
    fruitless = 0
    while True:
        before = _size(partial)
        try:
            return _copy(url, partial, rules) if url.startswith("file:") else _transfer(url, partial, rules)
        except _TransferError as interruption:
            fruitless = 0 if _size(partial) - before >= PROGRESS else fruitless + 1
            if fruitless >= rules.attempts:
                raise _MirrorError(f"{interruption}; gave up after {fruitless} tries that brought no more") from None
            pause_s = rules.pause_s * 2 ** max(fruitless - 1, 0)
            _say(f"{url}: {interruption}; {_size(partial) / MIB:.1f} MiB are here, next try in {pause_s:.0f} s")
            time.sleep(pause_s)


def _copy(url: str, partial: Path, rules: _Rules) -> bool:
    """Copies the file of a file address, from its first byte; returns False, since all of it is its own."""
    original = Path(url2pathname(urlsplit(url).path))
    if not original.is_file():
        raise _MirrorError("No such file")
    _refuse_larger(original.stat().st_size, rules)
    shutil.copyfile(original, partial)
    return False


def _transfer(url: str, partial: Path, rules: _Rules) -> bool:
    """One request for what is missing. Returns whether the file was put together from several answers."""
    have = _size(partial)
    with _ask(url, have, rules.timeout_s) as response, partial.open("ab") as stream:
        if response.status_code == NOTHING_FOLLOWS:
            return True
        start, total = _span(response, have)
        _refuse_larger(total or 0, rules)
        if start != have:
            stream.truncate(start or 0)
        if start is None:
            raise _TransferError("sent another part than asked for")
        whole_mib = None if total is None else total // MIB - start // MIB
        for _ in track(_pour(response, stream, total, rules.max_bytes), f"{_name(url)} (MiB)", whole_mib):
            pass
        stream.flush()
        os.fsync(stream.fileno())  # before the move, which then is a matter of an instant
    return start > 0


def _refuse_larger(total: int, rules: _Rules) -> None:
    if rules.max_bytes is not None and total > rules.max_bytes:
        raise _MirrorError(f"offers {total} bytes, more than the {rules.max_bytes} allowed")


def _ask(url: str, have: int, timeout_s: float) -> requests.Response:
    """What the address answers when asked for byte `have` and all after it; its status is 416 where nothing follows."""
    headers = {"User-Agent": "segpipe", "Accept-Encoding": "identity"}  # so that lengths and ranges count the file's own bytes
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        response = requests.get(url, headers=headers, stream=True, timeout=timeout_s)
    except requests.RequestException as error:
        kind = _TransferError if isinstance(error, requests.ConnectionError | requests.Timeout) else _MirrorError
        raise kind(_reason(error)) from None
    status = response.status_code
    if status >= 400 and not (status == NOTHING_FOLLOWS and have):
        response.close()
        kind = _TransferError if status in PASSING or status >= 500 else _MirrorError
        raise kind(f"answered {status} {response.reason}")
    response.raw.enforce_content_length = False  # `_pour` does, and says how far it came
    return response


def _span(response: requests.Response, have: int) -> tuple[int | None, int | None]:
    """Where the answer begins in the file (None: in a wrong place), and how long the whole file is (None: unsaid)."""
    if response.headers.get("Content-Type", "").lower().startswith("text/html"):
        raise _MirrorError("sends a web page, not a file")  # to log in, or of a parked name; what is here already stays
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":  # its bytes are not the file's, and cannot be resumed
        raise _MirrorError(f"sends the file encoded ({encoding}), though asked for it as it is")
    if response.status_code != requests.codes.partial_content:
        length = response.headers.get("Content-Length", "")
        return 0, int(length) if re.fullmatch("[0-9]+", length) else None
    said = re.fullmatch(r"bytes ([0-9]+)-([0-9]+)/([0-9]+|\*)", response.headers.get("Content-Range", ""))
    if said is None or int(said[1]) != have:
        return None, None
    return have, int(said[2]) + 1 if said[3] == "*" else int(said[3])


def _pour(response: requests.Response, stream: BinaryIO, total: int | None, max_bytes: int | None) -> Iterator[None]:
    """Appends what arrives, never beyond `total` bytes; yields after each MiB. Raises where it ends too early."""
    size = os.fstat(stream.fileno()).st_size
    while total is None or size < total:
        piece = _next_piece(response, PIECE if total is None else min(PIECE, total - size))
        if not piece:
            break
        if max_bytes is not None and size + len(piece) > max_bytes:
            stream.truncate(0)
            raise _MirrorError(f"sends more than the {max_bytes} bytes allowed")
        stream.write(piece)
        size += len(piece)
        if size // MIB > (size - len(piece)) // MIB:
            yield
    if total is not None and size < total:
        raise _TransferError(f"stopped after {size} of {total} bytes")


def _next_piece(response: requests.Response, most: int) -> bytes:
    """What has arrived, up to `most` bytes; unlike `iter_content`, read1 loses nothing when the next bytes never come."""
    try:
        return response.raw.read1(most)
    except urllib3.HTTPError as error:
        raise _TransferError(_reason(error)) from None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _name(url: str) -> str:
    return urlsplit(url).path.rsplit("/", 1)[-1]


def _reason(error: BaseException) -> str:
    """What went wrong in a few words: those of the first error, which requests and urllib3 wrap several times."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
