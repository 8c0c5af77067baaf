"""What `unpack` lets out of an archive, and that whatever it refuses leaves nothing behind."""

import io
import os
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from segpipe.errors import PipelineError
from segpipe.storage.archives import unpack

FILES = {"set/images/a.png": b"picture" * 1000, "set/list.txt": b"a\n", "set/empty": b""}


def tar_of(path: Path, *members: tarfile.TarInfo, mode: Any = "w", files: dict[str, bytes] = FILES) -> Path:
    """A tar of good files, followed by members that are made to be refused."""
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in members:
            archive.addfile(member, io.BytesIO(bytes(member.size)))
    return path


def tar_member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def zip_of(path: Path, *members: zipfile.ZipInfo, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
        for member in members:
            archive.writestr(member, b"/etc/hostname")
    return path


def zip_member(name: str, mode: int = 0) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo("placeholder")
    member.filename = name  # given to the constructor, backslashes would be tidied up
    member.external_attr = mode << 16
    return member


def assert_refused(archive: Path, *says: str, max_bytes: int = 10**6, max_files: int = 100) -> None:
    """Unpacking fails with one sentence that names the archive, and changes nothing anywhere around."""
    surroundings = archive.parent
    before = sorted(surroundings.rglob("*"))
    with pytest.raises(PipelineError) as caught:
        unpack(archive, surroundings / "inner" / "out", max_bytes=max_bytes, max_files=max_files)
    assert str(archive) in str(caught.value)
    for words in says:
        assert words in str(caught.value)
    assert sorted(path for path in surroundings.rglob("*") if path.name != "inner") == before
    assert list((surroundings / "inner").iterdir()) == [] if (surroundings / "inner").exists() else True


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_is_unpacked_whatever_its_name_says(tmp_path: Path, mode: str) -> None:
    unpack(tar_of(tmp_path / "misleading.zip", mode=mode), tmp_path / "out")
    assert content_of(tmp_path / "out") == FILES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["misleading.zip", "out"]


def test_a_zip_is_unpacked_whatever_its_name_says(tmp_path: Path) -> None:
    unpack(zip_of(tmp_path / "misleading.tar"), tmp_path / "out")
    assert content_of(tmp_path / "out") == FILES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["misleading.tar", "out"]


def test_folders_in_archives_are_made_with_usual_rights(tmp_path: Path) -> None:
    unpack(tar_of(tmp_path / "a.tar", tar_member("bare", tarfile.DIRTYPE)), tmp_path / "tar")
    unpack(zip_of(tmp_path / "a.zip", zip_member("bare/", stat.S_IFDIR | 0o755)), tmp_path / "zip")
    (tmp_path / "usual").mkdir()
    assert (tmp_path / "tar" / "bare").is_dir() and (tmp_path / "zip" / "bare").is_dir()
    assert (tmp_path / "tar").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_files_lose_rights_that_a_data_file_does_not_need(tmp_path: Path) -> None:
    sly, locked = tar_member("sly"), tar_member("locked")
    sly.mode, locked.mode = 0o6777, 0
    unpack(tar_of(tmp_path / "a.tar", sly, locked), tmp_path / "out")
    assert stat.S_IMODE((tmp_path / "out" / "sly").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "out" / "locked").stat().st_mode) == 0o600


def test_long_names_are_unpacked(tmp_path: Path) -> None:
    name = "/".join(["folder" * 20] * 4)
    unpack(tar_of(tmp_path / "a.tar", files={name: b"x"}), tmp_path / "out")
    assert content_of(tmp_path / "out") == {name: b"x"}


def test_an_empty_folder_may_be_there_and_the_parents_need_not(tmp_path: Path) -> None:
    archive = tar_of(tmp_path / "a.tar")
    (tmp_path / "out").mkdir()
    unpack(archive, tmp_path / "out")
    unpack(archive, tmp_path / "new" / "deeper" / "out")
    assert content_of(tmp_path / "out") == content_of(tmp_path / "new" / "deeper" / "out") == FILES


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    with pytest.raises(PipelineError, match="holds something already"):
        unpack(tar_of(tmp_path / "a.tar"), tmp_path / "out")
    assert content_of(tmp_path / "out") == {"mine": b"mine"}


NAMES = ["/etc/evil", "../evil", "set/../../evil", "..", "..\\evil", "C:\\evil", "C:evil", "\\\\server\\share\\evil"]


@pytest.mark.parametrize("name", NAMES)
def test_a_tar_with_a_name_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    assert_refused(tar_of(tmp_path / "a.tar", tar_member(name)), repr(name), "outside")


@pytest.mark.parametrize("name", NAMES)
def test_a_zip_with_a_name_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    assert_refused(zip_of(tmp_path / "a.zip", zip_member(name)), repr(name), "outside")


@pytest.mark.parametrize("target", ["/etc/hostname", "../../evil", "set/list.txt"])
@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_in_a_tar_are_refused(tmp_path: Path, kind: bytes, target: str) -> None:
    assert_refused(tar_of(tmp_path / "a.tar", tar_member("set/link", kind, target)), "'set/link' is a link or a device")


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_and_pipes_in_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    assert_refused(tar_of(tmp_path / "a.tar", tar_member("set/null", kind)), "'set/null' is a link or a device")


def test_a_file_behind_a_link_does_not_land_outside(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    through = tar_of(tmp_path / "a.tar", tar_member("door", tarfile.SYMTYPE, str(outside)), tar_member("door/evil"))
    assert_refused(through, "'door'")


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o644, stat.S_IFCHR | 0o644])
def test_links_and_devices_in_a_zip_are_refused(tmp_path: Path, mode: int) -> None:
    assert_refused(zip_of(tmp_path / "a.zip", zip_member("set/link", mode)), "'set/link' is a link or a device")


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "a.zip")
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flags of the first entry in the directory
    archive.write_bytes(content)
    assert_refused(archive, "set/images/a.png", "without a password")


@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_the_unpacked_size_is_bounded_exactly(tmp_path: Path, pack: Callable[[Path], Path]) -> None:
    size = sum(map(len, FILES.values()))
    assert_refused(pack(tmp_path / "a"), "more than", max_bytes=size - 1)
    unpack(tmp_path / "a", tmp_path / "out", max_bytes=size, max_files=len(FILES))
    assert content_of(tmp_path / "out") == FILES


@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_the_number_of_files_is_bounded(tmp_path: Path, pack: Callable[[Path], Path]) -> None:
    assert_refused(pack(tmp_path / "a"), "2 files", max_files=2)


def test_a_zip_bomb_is_refused_by_its_headers(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "a.zip")
    content = bytearray(archive.read_bytes())
    struct.pack_into("<I", content, content.index(b"PK\x01\x02") + 24, 2**31)  # the size that the first entry declares
    archive.write_bytes(content)
    assert_refused(archive, "more than 1000000 bytes")


def test_a_zip_that_declares_less_than_it_holds_is_refused(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "a.zip")
    content = bytearray(archive.read_bytes())
    struct.pack_into("<I", content, content.index(b"PK\x01\x02") + 24, 10)
    archive.write_bytes(content)
    assert_refused(archive, "set/images/a.png")


def test_a_tar_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    bomb = tar_member("zeros")
    bomb.size = 50_000_000
    assert_refused(tar_of(tmp_path / "a.tar.gz", bomb, mode="w:gz"), "more than 1000000 bytes")


def test_a_tar_header_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    archive = tar_of(tmp_path / "a.tar", files={"good": b"", "x" * 2_000_000: b""})
    assert_refused(archive, "a header of", max_bytes=10**9)


def test_a_tar_with_a_negative_size_is_refused(tmp_path: Path) -> None:
    member = tar_member("odd")
    member.pax_headers = {"size": "-1024"}
    assert_refused(tar_of(tmp_path / "a.tar", member), "'odd'", "-1024 bytes")


def test_a_zip_member_without_a_name_is_refused(tmp_path: Path) -> None:
    assert_refused(zip_of(tmp_path / "a.zip", zip_member("")))


@pytest.mark.parametrize("headers", [{"path": "nul\0l"}, {"mtime": "1e30"}])
def test_a_tar_with_attributes_that_no_file_can_have_is_refused(tmp_path: Path, headers: dict[str, str]) -> None:
    member = tar_member("odd")
    member.pax_headers = headers
    assert_refused(tar_of(tmp_path / "a.tar", member))


def test_a_zip_compressed_in_an_unknown_way_is_refused(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "a.zip")
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x03\x04") + 8] = content[content.index(b"PK\x01\x02") + 10] = 99
    archive.write_bytes(content)
    assert_refused(archive, "set/images/a.png", "compression method is not supported")


@pytest.mark.parametrize("content", [b"", b"hello", b"<html></html>" * 100, b"\x1f\x8b not gzip", b"BZh", b"MZ" + bytes(600)])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(content)
    assert_refused(tmp_path / "a.tar")


def test_an_archive_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert_refused(tmp_path / "missing.tar", "No such file")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_tar_is_refused(tmp_path: Path, mode: str, share: float) -> None:
    archive = tar_of(tmp_path / "a.tar", mode=mode, files={f"{n}": os.urandom(5000) for n in range(10)})
    used = archive.stat().st_size if mode != "w" else 10 * (512 + 5120)  # a plain tar ends in kilobytes of zeros
    os.truncate(archive, int(used * share))
    assert_refused(archive)


@pytest.mark.parametrize("size", [5632, 5632 + 300])
def test_a_tar_cut_between_two_members_or_in_a_header_is_refused(tmp_path: Path, size: int) -> None:
    """tarfile itself takes both for the end of the archive."""
    archive = tar_of(tmp_path / "a.tar", files={"one": bytes(5000), "two": bytes(5000)})
    os.truncate(archive, size)
    assert_refused(archive)


def test_a_tar_with_a_damaged_header_is_refused(tmp_path: Path) -> None:
    """tarfile itself takes it for the end of the archive."""
    archive = tar_of(tmp_path / "a.tar", files={"one": bytes(5000), "two": bytes(5000)})
    with archive.open("r+b") as stream:
        stream.seek(5632 + 10)
        stream.write(b"damage")
    assert_refused(archive, "bad checksum")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_zip_is_refused(tmp_path: Path, share: float) -> None:
    archive = zip_of(tmp_path / "a.zip")
    os.truncate(archive, int(archive.stat().st_size * share))
    assert_refused(archive)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_with_damaged_content_is_refused(tmp_path: Path, compression: int) -> None:
    archive = zip_of(tmp_path / "a.zip", compression=compression)
    content = bytearray(archive.read_bytes())
    start = content.index(b"a.png") + 5
    content[start + 8 : start + 16] = b"\xff" * 8
    archive.write_bytes(content)
    assert_refused(archive, "set/images/a.png")


@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_a_disk_that_fills_up_is_said_with_the_member(
    tmp_path: Path, pack: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    archive = pack(tmp_path / "a")
    monkeypatch.setattr("tarfile.copyfileobj", full)
    monkeypatch.setattr("shutil.copyfileobj", full)
    assert_refused(archive, "set/images/a.png", "No space left on device")
