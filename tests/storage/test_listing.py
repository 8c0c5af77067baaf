"""What lies below a folder: hidden files stay out, and every kind of link is told from the others."""

import shlex
import subprocess
from pathlib import Path

import pytest

from segpipe.errors import PipelineError
from segpipe.storage import listing

DIGEST = "0123456789abcdef0123456789abcd"


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def link(path: Path, target: str | Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def names(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in listing.files(root)]


def refusal(root: Path) -> str:
    with pytest.raises(PipelineError) as caught:
        listing.refuse_links_out(root)
    return str(caught.value)


def test_files_are_sorted_and_hidden_ones_left_out(tmp_path: Path) -> None:
    for name in ("b/a.png", "a.png", ".hidden/x.png", "b/.c.png", "b/é.PNG"):
        touch(tmp_path / name)
    assert names(tmp_path) == ["a.png", "b/a.png", "b/é.PNG"]
    assert listing.files(tmp_path / "gone") == listing.files(tmp_path / "a.png") == []


def test_each_link_is_of_its_kind(tmp_path: Path) -> None:
    root = tmp_path / "data"
    outside, cached = touch(tmp_path / "out/a.png"), touch(tmp_path / f"cache/files/md5/01/{DIGEST}")
    touch(root / "real/a.png")
    touch(root / ".store/images/b.png")
    link(root / "to_file.png", outside)
    link(root / "deep/to_folder", tmp_path / "out")
    link(root / "up", "..")
    link(root / "cached.png", cached)
    link(root / "almost.png", touch(tmp_path / f"files/md5/01/{DIGEST}0"))
    link(root / "inside.png", "real/a.png")
    link(root / "folder", "real")
    link(root / "hidden", ".store/images")
    link(root / "gone.png", "nothing.png")
    link(root / "circle.png", "circle.png")
    link(root / ".hidden.png", outside)
    found = listing.links(root)
    assert found.out == ("almost.png", "deep/to_folder", "to_file.png", "up")
    assert found.dangling == ("circle.png", "gone.png")
    assert (found.folders, found.hidden_folders, found.closed) == (("folder",), ("hidden",), ())
    assert names(root) == ["almost.png", "cached.png", "inside.png", "real/a.png", "to_file.png"]


def test_a_name_like_dvcs_that_leads_on_is_seen_through(tmp_path: Path) -> None:
    root = tmp_path / "data"
    link(root / f"store/files/md5/01/{DIGEST}", touch(tmp_path / "secret"))
    link(root / "a.png", f"store/files/md5/01/{DIGEST}")
    assert listing.links(root).out == ("a.png", f"store/files/md5/01/{DIGEST}")


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    touch(tmp_path / "real/a.png")
    link(tmp_path / "real/b.png", "a.png")
    link(tmp_path / "data", "real")
    assert names(tmp_path / "data") == ["a.png", "b.png"]
    listing.refuse_links_out(tmp_path / "data")


def test_all_links_out_are_named_and_the_command_mends_them(tmp_path: Path) -> None:
    root = tmp_path / "my data"
    touch(tmp_path / "out/images/a.png").write_text("a")
    touch(tmp_path / "my data-copy")
    for number in range(11):
        link(root / f"{number:02}.png", tmp_path / "out/images/a.png")
    link(root / "images", tmp_path / "out/images")
    message = refusal(root)
    assert message.startswith("00.png, 01.png, 02.png, 03.png, 04.png, 05.png, 06.png, 07.png, 08.png, 09.png and 2 more: ")
    assert f": 12 links that lead out of {root}, where nothing is read or copied. " in message
    command = message.rpartition("use the copy: ")[2]
    copy = Path(shlex.split(command)[-1])
    assert not copy.exists()
    subprocess.run(command, shell=True, check=True)
    listing.refuse_links_out(copy)
    assert (copy / "images/a.png").read_text() == (copy / "10.png").read_text() == "a"


def test_links_to_nothing_are_told_first_since_no_copy_can_be_made_of_them(tmp_path: Path) -> None:
    root = tmp_path / "data"
    link(root / "a.png", touch(tmp_path / "out.png"))
    link(root / "b.png", "gone.png")
    assert refusal(root) == (
        f"a.png: a link that leads out of {root}, where nothing is read or copied. "
        "Remove or mend what leads to nothing (b.png). "
        f"Copy the folder with the files behind its links, and use the copy: cp -rL {root} {root}-copy"
    )


def test_a_folder_that_may_not_be_opened_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "shut/a.png")
    touch(tmp_path / "b.png")
    scan = listing.os.scandir

    def scandir(folder: str) -> object:
        if folder.endswith("shut"):
            raise PermissionError(13, "Permission denied", folder)
        return scan(folder)

    monkeypatch.setattr(listing.os, "scandir", scandir)
    assert listing.links(tmp_path).closed == ("shut",)
    assert names(tmp_path) == ["b.png"]
