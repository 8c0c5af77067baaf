"""What `fetch` does with mirrors that behave, break, lie and stall: all against a server on this machine."""

import hashlib
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from segpipe.errors import PipelineError
from segpipe.storage.download import fetch
from segpipe.storage.files import write_with

CONTENT = random.Random(1).randbytes(300_000)
LARGE = random.Random(2).randbytes(5_000_000)
CUT = 200_000
Behaviour = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Does for each request what the script of its path says, and notes what it was asked."""

    protocol_version = "HTTP/1.1"
    mirror: "Mirror"

    def do_GET(self) -> None:
        self.close_connection = True
        with self.mirror.lock:
            self.mirror.asked.append((self.path, self.headers["Range"]))
            script = self.mirror.scripts[self.path]
            behaviour = script.pop(0) if len(script) > 1 else script[0]
        behaviour(self)

    def answer(self, status: int, body: bytes, cut: int | None = None, /, **headers: str) -> None:
        """Sends a whole answer, or its first `cut` bytes."""
        headers = {"Content_Length": str(len(body)), "Connection": "close", **headers}
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        sent = body[:cut]
        # Counted before they go: the client may be done and compare while this thread still returns from the write.
        self.mirror.sent += len(sent)
        self.wfile.write(sent)
        self.wfile.flush()

    def first(self) -> int:
        """The first byte that was asked for."""
        return int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").removesuffix("-"))

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Mirror:
    """A server whose every path follows a script of its own; the last behaviour repeats."""

    def __init__(self) -> None:
        self.scripts: dict[str, list[Behaviour]] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.sent = 0
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"mirror": self}))
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def url(self, path: str, *behaviours: Behaviour) -> str:
        self.scripts[path] = list(behaviours)
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    def ranges(self) -> list[str | None]:
        return [asked for _, asked in self.asked]

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setenv("no_proxy", "*")
    mirror = Mirror()
    yield mirror
    mirror.close()


def serves(content: bytes = CONTENT, cut: int | None = None) -> Behaviour:
    """A good server with Range; with `cut` it closes the connection after so many bytes."""

    def behave(handler: Handler) -> None:
        start = handler.first()
        if start >= len(content):
            handler.answer(416, b"", Content_Range=f"bytes */{len(content)}")
        elif handler.headers["Range"]:
            span = f"bytes {start}-{len(content) - 1}/{len(content)}"
            handler.answer(206, content[start:], cut, Content_Range=span)
        else:
            handler.answer(200, content, cut)

    return behave


def ignores_range(content: bytes = CONTENT, cut: int | None = None) -> Behaviour:
    return lambda handler: handler.answer(200, content, cut)


def stalls(handler: Handler) -> None:
    handler.answer(200, CONTENT, CUT)
    handler.mirror.closing.wait(10)


def refuses(status: int, **headers: str) -> Behaviour:
    return lambda handler: handler.answer(status, b"no", None, **headers)


def chunked(content: bytes = CONTENT, end: bytes = b"0\r\n\r\n") -> Behaviour:
    """No announced length; without its `end` the answer is cut short."""

    def behave(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n" + end)

    return behave


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def bring(folder: Path, *urls: str, content: bytes = CONTENT, **rules: Any) -> Path:
    """Fetches without patience; returns the destination."""
    destination = folder / "raw" / "data.tar"
    rules = {"timeout_s": 2.0, "pause_s": 0.01, **rules}
    fetch(urls, sha256(content), destination, folder / "partial", **rules)
    return destination


def leave_partial(folder: Path, content: bytes, wanted: bytes = CONTENT) -> Path:
    """What an interrupted download left."""
    partial = folder / "partial" / f"{sha256(wanted)}.part"
    partial.parent.mkdir()
    partial.write_bytes(content)
    return partial


def test_a_good_mirror_is_asked_once_and_leaves_no_partial(mirror: Mirror, tmp_path: Path) -> None:
    destination = bring(tmp_path, mirror.url("/data.tar", serves()))
    assert destination.read_bytes() == CONTENT
    assert mirror.ranges() == [None]
    assert list((tmp_path / "partial").iterdir()) == []
    assert list(destination.parent.iterdir()) == [destination]


def test_a_file_that_is_there_is_not_asked_for(mirror: Mirror, tmp_path: Path) -> None:
    url = mirror.url("/data.tar", serves())
    fetch([url], sha256(CONTENT), tmp_path / "f", tmp_path / "partial")
    fetch([url], sha256(CONTENT), tmp_path / "f", tmp_path / "never made")
    assert len(mirror.asked) == 1
    assert not (tmp_path / "never made").exists()


def test_a_file_with_another_content_is_replaced(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "data.tar").write_bytes(b"old")
    assert bring(tmp_path, mirror.url("/data.tar", serves())).read_bytes() == CONTENT


def test_the_hash_may_be_written_in_capitals(mirror: Mirror, tmp_path: Path) -> None:
    fetch([mirror.url("/f", serves())], sha256(CONTENT).upper(), tmp_path / "f", tmp_path, 2.0)
    assert (tmp_path / "f").read_bytes() == CONTENT


def test_a_truncated_transfer_goes_on_where_it_broke_and_no_byte_comes_twice(mirror: Mirror, tmp_path: Path) -> None:
    destination = bring(tmp_path, mirror.url("/data.tar", serves(cut=CUT), serves()))
    assert destination.read_bytes() == CONTENT
    assert mirror.ranges() == [None, f"bytes={CUT}-"]
    assert mirror.sent == len(CONTENT)


def test_a_stalled_transfer_goes_on_where_it_broke(mirror: Mirror, tmp_path: Path) -> None:
    start = time.monotonic()
    destination = bring(tmp_path, mirror.url("/data.tar", stalls, serves()), timeout_s=0.3)
    assert time.monotonic() - start < 5
    assert destination.read_bytes() == CONTENT
    assert mirror.ranges() == [None, f"bytes={CUT}-"]
    assert mirror.sent == len(CONTENT)


def test_a_mirror_that_brings_a_mebibyte_a_try_is_not_given_up(mirror: Mirror, tmp_path: Path) -> None:
    url = mirror.url("/data.tar", serves(LARGE, cut=1_200_000))
    assert bring(tmp_path, url, content=LARGE, attempts=2).read_bytes() == LARGE
    assert mirror.sent == len(LARGE)
    assert len(mirror.asked) == 5


def test_a_mirror_that_brings_less_is_given_up_after_the_attempts(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="stopped after 30000 of 300000 bytes"):
        bring(tmp_path, mirror.url("/data.tar", serves(cut=10_000)), attempts=3)
    assert mirror.ranges() == [None, "bytes=10000-", "bytes=20000-"]


def test_each_pause_is_twice_the_one_before(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("segpipe.storage.download.time.sleep", pauses.append)
    with pytest.raises(PipelineError):
        bring(tmp_path, mirror.url("/data.tar", refuses(503)), attempts=4, pause_s=0.5)
    assert pauses == [0.5, 1.0, 2.0]


def test_an_interrupted_process_leaves_what_the_next_one_goes_on_from(mirror: Mirror, tmp_path: Path) -> None:
    url = mirror.url("/data.tar", stalls, serves())
    partial = tmp_path / "partial" / f"{sha256(CONTENT)}.part"
    call = "import sys; from pathlib import Path as P; from segpipe.storage.download import fetch; a = sys.argv; "
    call += "fetch([a[1]], a[2], P(a[3]), P(a[4]))"
    command = [sys.executable, "-c", call, url, sha256(CONTENT), str(tmp_path / "raw" / "data.tar"), str(partial.parent)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[1])
    wait_until(lambda: partial.exists() and partial.stat().st_size == CUT)
    process.kill()
    process.wait()
    assert bring(tmp_path, url).read_bytes() == CONTENT
    assert mirror.ranges() == [None, f"bytes={CUT}-"]


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_a_whole_partial_needs_no_network(tmp_path: Path) -> None:
    leave_partial(tmp_path, CONTENT)
    assert bring(tmp_path, "http://127.0.0.1:9/data.tar").read_bytes() == CONTENT


def test_a_server_that_ignores_range_is_read_anew(mirror: Mirror, tmp_path: Path) -> None:
    destination = bring(tmp_path, mirror.url("/data.tar", ignores_range(cut=CUT), ignores_range()))
    assert destination.read_bytes() == CONTENT
    assert mirror.ranges() == [None, f"bytes={CUT}-"]


def test_a_server_that_sends_another_part_is_read_anew(mirror: Mirror, tmp_path: Path) -> None:
    def misplaced(handler: Handler) -> None:
        handler.answer(206, CONTENT[100:], Content_Range=f"bytes 100-{len(CONTENT) - 1}/{len(CONTENT)}")

    url = mirror.url("/data.tar", serves(cut=CUT), misplaced, serves(cut=CUT), misplaced, serves())
    assert bring(tmp_path, url, attempts=9).read_bytes() == CONTENT
    assert mirror.ranges() == [None, f"bytes={CUT}-", None, f"bytes={CUT}-", None]


def test_a_part_that_does_not_say_where_it_belongs_is_not_trusted(mirror: Mirror, tmp_path: Path) -> None:
    def unplaced(handler: Handler) -> None:
        handler.answer(206, CONTENT[CUT:], Content_Type="multipart/byteranges; boundary=x")

    assert bring(tmp_path, mirror.url("/data.tar", serves(cut=CUT), unplaced, serves())).read_bytes() == CONTENT
    assert mirror.ranges() == [None, f"bytes={CUT}-", None]


def test_a_server_that_gives_the_rest_in_parts_is_asked_for_each(mirror: Mirror, tmp_path: Path) -> None:
    def part(handler: Handler) -> None:
        start = handler.first()
        body = CONTENT[start : start + 60_000]
        handler.answer(206, body, Content_Range=f"bytes {start}-{start + len(body) - 1}/{len(CONTENT)}")

    assert bring(tmp_path, mirror.url("/data.tar", serves(cut=CUT), part)).read_bytes() == CONTENT
    assert mirror.ranges() == [None, "bytes=200000-", "bytes=260000-"]


def test_a_partial_longer_than_the_file_is_thrown_away(mirror: Mirror, tmp_path: Path) -> None:
    leave_partial(tmp_path, CONTENT + b"too much")
    assert bring(tmp_path, mirror.url("/data.tar", serves())).read_bytes() == CONTENT
    assert mirror.ranges() == [f"bytes={len(CONTENT) + 8}-", None]


def test_a_file_cut_at_its_very_end_is_taken_when_the_server_says_nothing_follows(mirror: Mirror, tmp_path: Path) -> None:
    assert bring(tmp_path, mirror.url("/data.tar", chunked(end=b""), serves())).read_bytes() == CONTENT
    assert mirror.ranges() == [None, f"bytes={len(CONTENT)}-"]


def test_bytes_mixed_from_two_files_are_fetched_once_more_from_the_same_mirror(mirror: Mirror, tmp_path: Path) -> None:
    leave_partial(tmp_path, b"x" * CUT)
    assert bring(tmp_path, mirror.url("/data.tar", serves())).read_bytes() == CONTENT
    assert mirror.ranges() == [f"bytes={CUT}-", None]


def test_the_next_mirror_goes_on_where_the_last_one_stopped(mirror: Mirror, tmp_path: Path) -> None:
    first, second = mirror.url("/first", serves(cut=CUT)), mirror.url("/second", serves())
    assert bring(tmp_path, first, second, attempts=1).read_bytes() == CONTENT
    assert mirror.asked == [("/first", None), ("/second", f"bytes={CUT}-")]


def test_a_mirror_that_lies_about_the_content_is_left_and_its_bytes_are_not_kept(mirror: Mirror, tmp_path: Path) -> None:
    liar, honest = mirror.url("/liar", serves(bytes(len(CONTENT)))), mirror.url("/honest", serves())
    assert bring(tmp_path, liar, honest).read_bytes() == CONTENT
    assert mirror.asked == [("/liar", None), ("/honest", None)]


def test_a_mirror_that_announces_too_little_is_left(mirror: Mirror, tmp_path: Path) -> None:
    short = mirror.url("/short", lambda handler: handler.answer(200, CONTENT, Content_Length="1000"))
    assert bring(tmp_path, short, mirror.url("/good", serves())).read_bytes() == CONTENT
    assert mirror.asked == [("/short", None), ("/good", None)]


def test_a_mirror_that_announces_too_much_is_left_after_the_attempts(mirror: Mirror, tmp_path: Path) -> None:
    def boasts(handler: Handler) -> None:
        handler.answer(200, CONTENT[:100], Content_Length="900000")

    with pytest.raises(PipelineError, match="stopped after 100 of 900000 bytes"):
        bring(tmp_path, mirror.url("/data.tar", boasts), attempts=2)
    assert len(mirror.asked) == 2


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_mirror_without_the_file_is_left_at_once(mirror: Mirror, tmp_path: Path, status: int) -> None:
    bad, good = mirror.url("/bad", refuses(status)), mirror.url("/good", serves())
    assert bring(tmp_path, bad, good).read_bytes() == CONTENT
    assert mirror.asked == [("/bad", None), ("/good", None)]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_passing_trouble_is_asked_again(mirror: Mirror, tmp_path: Path, status: int) -> None:
    assert bring(tmp_path, mirror.url("/data.tar", refuses(status), serves())).read_bytes() == CONTENT
    assert len(mirror.asked) == 2


def test_a_web_page_is_no_file_and_does_not_cost_what_is_here(mirror: Mirror, tmp_path: Path) -> None:
    partial = leave_partial(tmp_path, CONTENT[:CUT])
    page = mirror.url("/page", refuses(200, Content_Type="text/html; charset=utf-8"))
    with pytest.raises(PipelineError, match="a web page, not a file"):
        bring(tmp_path, page)
    assert partial.read_bytes() == CONTENT[:CUT]


def test_an_encoded_answer_is_refused_and_none_is_asked_for(mirror: Mirror, tmp_path: Path) -> None:
    wishes: list[str | None] = []

    def encodes(handler: Handler) -> None:
        wishes.append(handler.headers["Accept-Encoding"])
        handler.answer(200, CONTENT, Content_Encoding="gzip")

    with pytest.raises(PipelineError, match="encoded \\(gzip\\)"):
        bring(tmp_path, mirror.url("/data.tar", encodes))
    assert wishes == ["identity"]


def test_redirects_are_followed_and_keep_the_range(mirror: Mirror, tmp_path: Path) -> None:
    target = mirror.url("/new", serves())
    leave_partial(tmp_path, CONTENT[:CUT])
    assert bring(tmp_path, mirror.url("/old", refuses(302, Location=target))).read_bytes() == CONTENT
    assert mirror.asked == [("/old", f"bytes={CUT}-"), ("/new", f"bytes={CUT}-")]


ELSEWHERE = {
    "file:///etc/hostname": "No connection adapters were found for 'file:///etc/hostname'",
    "data:,x": "No connection adapters were found for 'data:,x'",
    "ftp://127.0.0.1/data.tar": "No connection adapters were found for 'ftp://127.0.0.1/data.tar'",
    "/old": "Exceeded 30 redirects",
}


@pytest.mark.parametrize("target", ELSEWHERE)
def test_redirects_to_elsewhere_or_in_circles_are_not_followed(mirror: Mirror, tmp_path: Path, target: str) -> None:
    with pytest.raises(PipelineError, match=ELSEWHERE[target]):
        bring(tmp_path, mirror.url("/old", refuses(302, Location=target)), attempts=1)
    assert not (tmp_path / "raw").exists()


def test_a_file_address_is_copied_and_the_original_stays(tmp_path: Path) -> None:
    original = tmp_path / "here.tar"
    original.write_bytes(CONTENT)
    assert bring(tmp_path, original.as_uri()).read_bytes() == CONTENT
    assert original.read_bytes() == CONTENT


def test_a_file_address_that_leads_nowhere_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segpipe.storage.download.time.sleep", lambda seconds: pytest.fail("waited"))
    with pytest.raises(PipelineError, match="No such file"):
        bring(tmp_path, (tmp_path / "nowhere.tar").as_uri())


def test_when_all_mirrors_fail_the_error_tells_of_each_and_what_to_do(mirror: Mirror, tmp_path: Path) -> None:
    lost = mirror.url("/lost", refuses(404))
    liar = mirror.url("/liar", serves(b"another"))
    broken = mirror.url("/broken", serves(cut=1000))
    deaf = "http://127.0.0.1:9/deaf"
    with pytest.raises(PipelineError) as caught:
        bring(tmp_path, lost, liar, broken, deaf, attempts=2)
    said = str(caught.value)
    assert said.startswith("data.tar: no mirror")
    assert sha256(CONTENT) in said
    assert f"  {lost}: answered 404" in said
    assert f"  {liar}: sent another file, with SHA-256 {sha256(b'another')}\n" in said
    assert f"  {broken}: stopped after 2000 of 300000 bytes; gave up after 2 tries" in said
    assert f"  {deaf}: Connection refused" in said
    assert "data.path" in said and "network" in said
    assert not (tmp_path / "raw").exists()


def test_a_file_announced_larger_than_allowed_is_not_read(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="offers 300000 bytes, more than the 1000 allowed"):
        bring(tmp_path, mirror.url("/data.tar", serves()), max_bytes=1000)


def test_a_file_that_grows_beyond_the_allowed_is_dropped(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="more than the 100000 bytes allowed"):
        bring(tmp_path, mirror.url("/data.tar", chunked()), max_bytes=100_000)
    assert list((tmp_path / "partial").iterdir()) == []


def test_a_file_of_the_allowed_size_is_taken(mirror: Mirror, tmp_path: Path) -> None:
    assert bring(tmp_path, mirror.url("/data.tar", chunked()), max_bytes=len(CONTENT)).read_bytes() == CONTENT


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said_and_not_blamed_on_the_mirror(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "partial").mkdir()
    (tmp_path / "partial" / f"{sha256(CONTENT)}.part").symlink_to("/dev/full")
    with pytest.raises(PipelineError, match="No space left on device"):
        bring(tmp_path, mirror.url("/data.tar", serves()))


def test_a_folder_that_cannot_be_made_is_said(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "partial").write_text("in the way")
    with pytest.raises(PipelineError, match="partial: could not be written"):
        bring(tmp_path, mirror.url("/data.tar", serves()))


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second file system")
def test_the_partial_may_lie_on_another_file_system(mirror: Mirror, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        if Path(elsewhere).stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("/dev/shm is the same file system")
        fetch([mirror.url("/f", serves())], sha256(CONTENT), tmp_path / "f", Path(elsewhere), 2.0)
        assert list(Path(elsewhere).iterdir()) == []
    assert list(tmp_path.iterdir()) == [tmp_path / "f"]
    assert (tmp_path / "f").read_bytes() == CONTENT


@pytest.mark.parametrize("wrong", ["", "abc", "g" * 64, "0" * 63, "0" * 65])
def test_what_is_no_sha256_is_refused(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(PipelineError, match="64 hexadecimal digits"):
        fetch(["http://127.0.0.1:9/f"], wrong, tmp_path / "f", tmp_path)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/f", "data:,x", "/etc/hostname", ""])
def test_addresses_of_other_kinds_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(PipelineError, match="http://, https:// or file://"):
        bring(tmp_path, url)


def test_no_address_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="at least one"):
        bring(tmp_path)


@pytest.mark.parametrize("url", ["http://127.0.0.1:port/f", "http://[/f", "http://127.0.0.1/a b"])
def test_malformed_addresses_are_failed_mirrors_or_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(PipelineError):
        bring(tmp_path, url, attempts=1)


def test_two_downloads_of_one_file_take_turns(mirror: Mirror, tmp_path: Path) -> None:
    def slow(handler: Handler) -> None:
        time.sleep(0.2)
        serves()(handler)

    url = mirror.url("/data.tar", slow)
    threads = [threading.Thread(target=bring, args=(tmp_path, url)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "raw" / "data.tar").read_bytes() == CONTENT
    assert len(mirror.asked) == 1
    assert list((tmp_path / "partial").iterdir()) == []


def test_a_download_that_waited_does_not_share_its_partial_with_the_next(mirror: Mirror, tmp_path: Path) -> None:
    at_work: list[int] = [0]
    most_at_work: list[int] = []

    def slow(handler: Handler) -> None:
        with mirror.lock:
            at_work[0] += 1
            most_at_work.append(at_work[0])
        time.sleep(0.2)
        with mirror.lock:
            at_work[0] -= 1
        serves()(handler)

    def start(name: str) -> threading.Thread:
        thread = threading.Thread(target=fetch, args=([url], sha256(CONTENT), tmp_path / name, tmp_path / "partial"))
        thread.start()
        return thread

    url = mirror.url("/data.tar", slow)
    threads = [start("a"), start("b")]
    wait_until(lambda: (tmp_path / "a").exists() or (tmp_path / "b").exists())
    threads.append(start("c"))
    for thread in threads:
        thread.join()
    assert [(tmp_path / name).read_bytes() == CONTENT for name in "abc"] == [True] * 3
    assert most_at_work == [1, 1, 1]


def test_the_partial_that_the_next_download_has_just_begun_is_left_alone(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    partial = tmp_path / "partial" / f"{sha256(CONTENT)}.part"

    def move_and_be_followed(path: Path, write: Callable[[Path], object]) -> None:
        write_with(path, write)
        partial.touch()

    monkeypatch.setattr("segpipe.storage.download.write_with", move_and_be_followed)
    bring(tmp_path, mirror.url("/data.tar", serves()))
    assert partial.exists()


def test_progress_is_told_on_stderr(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("segpipe.console.progress.QUIET_SECONDS", -1.0)
    bring(tmp_path, mirror.url("/data.tar", serves(LARGE)), content=LARGE)
    captured = capsys.readouterr()
    assert "data.tar (MiB): 2 of 4, about 0 s left" in captured.err
    assert captured.out == ""
