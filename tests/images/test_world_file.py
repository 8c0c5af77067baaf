"""World files: which file beside an image is one."""

from pathlib import Path

import pytest

from segpipe.images.world_file import world_file

NUMBERS = "0.5\n0.0\n0.0\n-0.5\n431000.25\n5412000.75\n"


@pytest.mark.parametrize(
    ("image", "beside"),
    [("a.png", "a.pgw"), ("a.jpg", "a.jgw"), ("a.jpeg", "a.jgw"), ("a.tif", "a.tfw"), ("a.tiff", "a.tiffw"), ("a.png", "a.wld")],
)
def test_it_is_named_after_the_image(image: str, beside: str, tmp_path: Path) -> None:
    assert world_file(tmp_path / image) is None
    (tmp_path / beside).write_text(NUMBERS)
    assert world_file(tmp_path / image) == tmp_path / beside
    assert world_file(tmp_path / "b.png") is None


@pytest.mark.parametrize("content", [NUMBERS + "7", "no numbers", "", NUMBERS + " " * 5000])
def test_six_numbers_and_nothing_else(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.pgw").write_text(content)
    assert world_file(tmp_path / "a.png") is None
