"""What Linux alone has stands behind a guard, and docs/reference/platforms.md says what is done instead."""

import ast
import re
from pathlib import Path

import pytest

from segpipe.reproducibility.code_hash import PACKAGES
from tests.structure import portability
from tests.structure.imports import ROOT
from tests.structure.portability import Use, paths_with_system_separators, text_without_line_ends, uses

FILES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py") if "templates" not in file.parts)
PAGE = (ROOT / "docs/reference/platforms.md").read_text(encoding="utf-8")
ASKED_ELSEWHERE = {
    ("segpipe/console/parent_watch.py", "os.getppid"): "_exists",
    ("segpipe/dataset/image_cache.py", "os.open"): "ImageCache.opened",
    ("segpipe/dataset/image_cache.py", "os.pwrite"): "ImageCache.opened",
    ("segpipe/dataset/split/groups.py", "signal.ITIMER_REAL"): "matched",
    ("segpipe/dataset/split/groups.py", "signal.SIGALRM"): "matched",
    ("segpipe/dataset/split/groups.py", "signal.setitimer"): "matched",
    ("segpipe/experiments/dvc_experiments.py", "subprocess.pass_fds"): "held",
    ("segpipe/experiments/dvc_experiments.py", "subprocess.process_group"): "_ask_to_stop",
}
"""Uses whose own function asks nothing, and the function of the same file that does, before they are reached."""
READ_IF_THERE = {
    ("segpipe/console/parent_watch.py", "/proc"): ("_parent", "except (OSError"),
    ("segpipe/diagnostics/memory.py", "/sys"): ("available_memory", "is_file()"),
}
"""Files of the system, the function that reads them, and how it bears their absence."""
TOGETHER = {
    "os.open": "pwrite",
    "signal.ITIMER_REAL": "setitimer",
    "signal.SIGALRM": "setitimer",
    "subprocess.process_group": "killpg",
}
"""Names that a system has together with the one that is asked for."""


@pytest.fixture(scope="module")
def found() -> list[Use]:
    """All uses of the source."""
    return [use for file in FILES for use in uses(file)]


def in_the_page() -> set[tuple[str, str]]:
    """File and name of each row of the page's table."""
    rows = re.findall(r"^\| `(segpipe/[\w/]+\.py)` \| (.+?) \| .+? \| .+? \|$", PAGE, re.MULTILINE)
    return {(file, name) for file, names in rows for name in re.findall(r"`(.+?)`", names)}


def test_the_page_names_each_use_and_no_other(found: list[Use]) -> None:
    assert len(found) > 15
    assert in_the_page() == {(use.file, use.name) for use in found}


def test_each_use_is_asked_for_first(found: list[Use]) -> None:
    unguarded = {(use.file, use.name) for use in found if not use.guarded}
    assert unguarded == ASKED_ELSEWHERE.keys() | READ_IF_THERE.keys()


@pytest.mark.parametrize(("file", "name"), ASKED_ELSEWHERE)
def test_what_is_asked_elsewhere_is(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    asking = portability.function(tree, ASKED_ELSEWHERE[file, name])
    assert portability.asks_for(asking, TOGETHER.get(name, name))


@pytest.mark.parametrize(("file", "name"), READ_IF_THERE)
def test_what_is_read_may_be_missing(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    reading, how = READ_IF_THERE[file, name]
    assert how in ast.unparse(portability.function(tree, reading))


def test_text_is_written_with_the_same_line_ends_everywhere() -> None:
    assert [(file.name, line) for file in FILES for line in text_without_line_ends(file)] == []


def test_paths_in_files_have_the_same_separators_everywhere() -> None:
    assert [(file.name, line) for file in FILES for line in paths_with_system_separators(file)] == []


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("import fcntl", [("fcntl", False)]),
        ("try:\n    import fcntl\nexcept ImportError:\n    fcntl = None", [("fcntl", True)]),
        ("try:\n    import fcntl\nexcept ValueError:\n    pass", [("fcntl", False)]),
        ("from os import fork", [("os.fork", False)]),
        ("def f():\n    os.fork()", [("os.fork", False)]),
        ("def f():\n    if hasattr(os, 'fork'):\n        os.fork()", [("os.fork", True)]),
        ("def f():\n    if hasattr(os, 'killpg'):\n        os.fork()", [("os.fork", False)]),
        ("def f():\n    return getattr(os, 'sched_getaffinity', None)", [("os.sched_getaffinity", True)]),
        ("def f():\n    if sys.platform == 'win32':\n        return\n    os.kill(1, 0)", [("os.kill", True)]),
        ("def f():\n    subprocess.Popen([], start_new_session=True)", [("subprocess.start_new_session", False)]),
        ("context = multiprocessing.get_context('fork')", [("multiprocessing.fork", False)]),
        ("'''/proc is no file here.'''\nopen('/proc/self/stat')", [("/proc", False)]),
        ("f'/dev/shm/{name}'", [("/dev", False)]),
        ("os.replace(a, b)\nos.fsync(c)", []),
    ],
)
def test_a_use_is_seen_and_whether_it_is_asked_for(source: str, seen: list[tuple[str, bool]], tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text(source, encoding="utf-8")
    assert [(use.name, use.guarded) for use in uses(file, tmp_path)] == seen


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("path.write_text(text, encoding='utf-8')", [1]),
        ("path.write_text(text, encoding='utf-8', newline='\\n')\nfiles.write_text(path, text)", []),
        ("path.open('w')\npath.open(mode='a')\npath.open('wb')\npath.open()\npath.open('x', newline='')", [1, 2]),
    ],
)
def test_text_of_the_systems_line_ends_is_seen(source: str, lines: list[int], tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(source, encoding="utf-8")
    assert text_without_line_ends(tmp_path / "a.py") == lines


def test_a_path_of_the_systems_separators_is_seen(tmp_path: Path) -> None:
    source = "str(a.relative_to(b))\nf'{a.relative_to(b)}'\na.relative_to(b).as_posix()\nstr(a.relative_to(b).as_posix())"
    (tmp_path / "a.py").write_text(source, encoding="utf-8")
    assert paths_with_system_separators(tmp_path / "a.py") == [1, 2]
