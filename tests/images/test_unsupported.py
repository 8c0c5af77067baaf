"""Kinds of files that are not read are named, by their content in a file and by their names in a folder."""

import io
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from segpipe.acquire.ingest import open_source
from segpipe.annotations.detect.layout import recognise
from segpipe.annotations.formats.coco.file import read_file
from segpipe.annotations.formats.labelme.json_file import read_json
from segpipe.annotations.formats.yolo.lines import read_lines
from segpipe.errors import DataError, PipelineError
from segpipe.images.decode import SUFFIXES, decode_image, decode_mask, header, mask_strips
from segpipe.images.unsupported import SUFFIXES as UNREAD
from segpipe.images.unsupported import files_below, kind_of_name


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\0" * 128 + b"DICM", "a DICOM file"),
        (b"\0" * 344 + b"n+1\0", "a medical volume"),
        (b"ObjectType = Image\nNDims = 3", "a medical volume"),
        (b"\0\0\0\x1cftypheic\0\0\0\0mif1heic", "a HEIC photo"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "an AVIF image"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "a video"),
        (b"\0\0\0\x0cjP  \r\n", "a JPEG 2000 image"),
        (b"\xff\x0a\0\0", "a JPEG XL image"),
        (b"II*\0\x10\0\0\0CR\2\0", "a camera's raw file"),
        (b"8BPS\0\1", "a file of layers"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"%PDF-1.7", "a PDF or PostScript document"),
        (b"\x93NUMPY\1\0", "a file of arrays"),
        (b"v/1\1\2\0", "an image of floating-point numbers"),
    ],
)
def test_a_kind_is_known_by_its_content_whatever_it_is_called(content: bytes, problem: str) -> None:
    for read in (decode_image, decode_mask):
        with pytest.raises(DataError) as caught:
            read(content, "photo.png")
        assert caught.value.problem == problem
        assert "not read" in caught.value.remedy


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
TOLD = "a pointer of Git LFS in place of the file itself. Run `git lfs pull` in the repository it came with."


def test_a_pointer_of_git_lfs_is_told_wherever_it_stands(tmp_path: Path) -> None:
    for read in (decode_image, decode_mask, header, lambda content, name: [*mask_strips(content, name)]):
        with pytest.raises(DataError) as caught:
            read(LFS, "a.png")
        assert str(caught.value) == f"a.png: {TOLD}"
    with pytest.raises(DataError) as caught:
        read_json(LFS, "a.json")
    assert str(caught.value) == f"a.json: {TOLD}"
    (tmp_path / "a.json").write_bytes(LFS)
    with pytest.raises(DataError) as caught:
        read_file(tmp_path / "a.json", "a.json")
    assert str(caught.value) == f"a.json: {TOLD}"
    assert [str(each) for each in read_lines(LFS, "a.txt")[1]] == [f"a.txt: {TOLD}"]


def test_a_folder_of_pointers_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".dvc").mkdir()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.md").write_text("words")
    for name in ("a.jpg", "a.json", "b.json"):
        (tmp_path / name).write_bytes(LFS)
    with pytest.raises(PipelineError) as caught:
        recognise(tmp_path)
    assert f"3 of its files, such as a.jpg: {TOLD}" in str(caught.value).splitlines()
    with pytest.raises(PipelineError) as caught, open_source(str(tmp_path / "a.jpg"), None):
        pass
    assert str(caught.value) == f"{tmp_path / 'a.jpg'}: {TOLD}"


def test_no_suffix_is_both_read_and_unread() -> None:
    assert not set(SUFFIXES) & set(UNREAD)
    assert kind_of_name("scan.NII.GZ") is kind_of_name("scan.nii") is not None
    assert kind_of_name("photo.jpg") is kind_of_name("notes.txt") is None


def test_a_folder_of_nothing_else_names_every_file(tmp_path: Path) -> None:
    for name in ("b.dcm", "a.HEIC", "paper.pdf", "notes.txt", ".hidden.dcm"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "IM0001").write_bytes(b"\0" * 128 + b"DICM" + b"\0" * 64)
    (tmp_path / "README").write_text("words")
    told = files_below(tmp_path, sniff=True)
    assert [(each.file, each.problem, each.warning) for each in told] == [
        ("IM0001", "a DICOM file", False),
        ("a.HEIC", "a HEIC photo", False),
        ("b.dcm", "a DICOM file", False),
        ("paper.pdf", "a PDF or PostScript document", False),
    ]


def test_among_other_images_only_pictures_are_named_as_a_warning(tmp_path: Path) -> None:
    for name in ("b.dcm", "paper.pdf", "IM0001"):
        (tmp_path / name).write_bytes(b"\0" * 128 + b"DICM")
    assert [(each.file, each.warning) for each in files_below(tmp_path, sniff=False)] == [("b.dcm", True)]
    assert files_below(tmp_path / "b.dcm", sniff=True) == [], "a tar is no folder"


def test_a_photo_that_speaks_of_a_drawing_is_a_photo() -> None:
    info = PngInfo()
    info.add_text("Comment", "made from <svg>")
    stream = io.BytesIO()
    Image.new("RGB", (3, 2)).save(stream, "PNG", pnginfo=info)
    assert b"<svg>" in stream.getvalue()[:512]
    assert decode_image(stream.getvalue(), "photo.png").shape == (2, 3, 3)
