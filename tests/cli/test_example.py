"""segpipe example: lists the examples, names them where another is asked for, and makes data alone."""

from pathlib import Path

from segpipe.acquire.examples import steps
from tests.cli.in_process import segpipe


def test_without_a_name_it_lists_them(tmp_path: Path) -> None:
    done = segpipe(tmp_path, "example")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == [*steps.NAMES, "result:", "next:"]
    assert not any(tmp_path.iterdir())


def test_another_name_ends_in_a_sentence(tmp_path: Path) -> None:
    done = segpipe(tmp_path, "example", "medicine")
    assert done.returncode == 2
    assert done.stderr.startswith("error: medicine: no example is called so. There are medical, satellite, polygons")
    assert not any(tmp_path.iterdir())


def test_data_alone_is_made_where_it_is_asked_for(tmp_path: Path) -> None:
    done = segpipe(tmp_path, "example", "medical", "slices", "--only-data")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "result: slices\nnext:   segpipe init slices\n"
    assert len([*(tmp_path / "slices/annotated/images").glob("slice*.png")]) == 150
