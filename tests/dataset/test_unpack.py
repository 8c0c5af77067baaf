"""From the pack back to folders: every byte of the images, every id of the masks, and a folder that is new or not made."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segpipe.dataset.pack import open_pack
from segpipe.dataset.unpack import new_folder, unpack
from segpipe.errors import PipelineError
from tests.dataset.packs import made

MASK = np.array([[0, 1, 2], [255, 1, 0]], np.uint8)


def test_what_went_in_comes_out(tmp_path: Path) -> None:
    image = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    made(tmp_path, {"deep/a": (image, MASK), "b": (image[::-1], MASK[::-1])}, ("background", "cat", "dog"))
    pack = open_pack(tmp_path / "prepared")
    unpack(pack, tmp_path / "out")
    assert (tmp_path / "out/images/deep/a.png").read_bytes() == pack.images["deep/a"].read()
    with Image.open(tmp_path / "out/masks/deep/a.png") as mask:
        assert mask.mode == "L"
        assert np.array_equal(np.asarray(mask), MASK)
    assert (tmp_path / "out/classes.txt").read_text() == "background\ncat\ndog\n"
    assert not list((tmp_path / "out").glob("*rain.txt"))


def test_an_image_that_was_inside_a_json_file_is_an_image_again(tmp_path: Path) -> None:
    made(tmp_path, {"a": (np.zeros((2, 3, 3), np.uint8), MASK)}, ("background", "cat", "dog"))
    index = tmp_path / "prepared/index.csv"
    index.write_text(index.read_text().replace("a.png", "a.json"))
    pack = open_pack(tmp_path / "prepared")
    assert pack.index.loc["a", "source"] == "a.json"
    unpack(pack, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out/images").iterdir()] == ["a.png"]


def indexed(tmp_path: Path, **columns: tuple[str, ...]) -> Path:
    """The folder that a pack of images a, b and c is unpacked to, with these columns in its index."""
    images = {name: (np.full((2, 3, 3), at, np.uint8), MASK) for at, name in enumerate(("deep/a", "b", "c"))}
    pack = made(tmp_path, images, ("background", "cat", "dog"))
    for name, values in columns.items():
        pack.index[name] = [*values]
    unpack(pack, tmp_path / "out")
    return tmp_path / "out"


def test_groups_come_out_as_a_table(tmp_path: Path) -> None:
    out = indexed(tmp_path, group=("p2", "p1", "p2"))
    assert (out / "groups.csv").read_text() == ("image,group\nimages/b.png,p2\nimages/c.png,p1\nimages/deep/a.png,p2\n")


def test_an_image_without_group_is_one_by_itself(tmp_path: Path) -> None:
    out = indexed(tmp_path, group=("", "", "b"))
    assert (out / "groups.csv").read_text() == "image,group\nimages/b.png,b'\nimages/c.png,c\nimages/deep/a.png,b\n"


def test_without_groups_there_is_no_table(tmp_path: Path) -> None:
    assert not (indexed(tmp_path) / "groups.csv").exists()


def test_parts_of_some_images_only_come_out_as_lists(tmp_path: Path) -> None:
    out = indexed(tmp_path, given=("test", "", ""))
    assert {path.name: path.read_text() for path in out.glob("t*.txt")} == {
        "test.txt": "b.png\n",
        "trainval.txt": "c.png\ndeep/a.png\n",
    }


def test_a_folder_is_whole_or_not_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ZeroDivisionError), new_folder(out) as folder:
        (folder / "half").write_text("x")
        1 / 0  # noqa: B018
    assert list(tmp_path.iterdir()) == []
    out.mkdir()
    with new_folder(out) as folder:
        (folder / "all").write_text("x")
    assert [path.name for path in out.iterdir()] == ["all"]
    with pytest.raises(PipelineError, match="is there already"), new_folder(out):
        pass
    assert (out / "all").read_text() == "x"
