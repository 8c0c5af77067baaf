"""How data is brought to data/source: whole or not at all, once, and only from where it may come."""

import hashlib
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from segpipe.acquire import ingest
from segpipe.errors import PipelineError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project as the current folder, without DVC's own work."""
    root = tmp_path / "project"
    (root / ".dvc").mkdir(parents=True)
    monkeypatch.chdir(root)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setattr(ingest, "_dvc_add", lambda: None)
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Some data, a hidden file and a hidden folder."""
    root = tmp_path / "mine"
    for name in ("images/a.jpg", "masks/a.png", "classes.txt", ".DS_Store", ".cache/x", "images/.b"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def refusal(where: str, sha256: str | None = None) -> str:
    with pytest.raises(PipelineError) as caught, ingest.open_source(where, sha256):
        pass
    return str(caught.value)


def refused_path(where: Path, named: str, in_place: bool) -> str:
    with pytest.raises(PipelineError) as caught:
        ingest.data_path(where, named, in_place)
    return str(caught.value)


def zipped(folder: Path, archive: Path, prefix: str = "") -> str:
    """Zips the visible files and returns the hash."""
    with zipfile.ZipFile(archive, "w") as opened:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
                opened.write(path, f"{prefix}{path.relative_to(folder)}")
        opened.writestr("__MACOSX/._x", "")
    return hashlib.sha256(archive.read_bytes()).hexdigest()


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


DATA = ["classes.txt", "images/a.jpg", "masks/a.png"]


def test_a_folder_is_copied_without_hidden_files(project: Path, folder: Path) -> None:
    with ingest.open_source(str(folder), None) as where:
        assert where == folder
        ingest.import_data(where)
    assert files(project / "data") == [f"source/{name}" for name in DATA]
    assert (project / "data/source/images/a.jpg").read_text() == "images/a.jpg"


def test_more_data_is_added_and_other_data_is_refused(project: Path, folder: Path) -> None:
    ingest.import_data(folder)
    before = (project / "data/source").stat().st_ino
    ingest.import_data(folder)
    ingest.import_data(project / "data/source")
    assert (project / "data/source").stat().st_ino == before
    (folder / "new").mkdir()
    (folder / "new/b.jpg").write_text("b")
    (folder / "images/c.jpg").write_text("c")
    ingest.import_data(folder)
    more = sorted([*DATA, "images/c.jpg", "new/b.jpg"])
    assert files(project / "data") == [f"source/{name}" for name in more]
    assert (project / "data/source/new/b.jpg").read_text() == "b"
    # A mask that was corrected here is not overwritten by the one that it was.
    (project / "data/source/classes.txt").write_text("corrected")
    (project / "data/source/extra.txt").touch()
    (folder / "images/d.jpg").write_text("d")
    with pytest.raises(PipelineError) as caught:
        ingest.import_data(folder)
    assert str(caught.value) == (
        "data/source holds other data already: of its files 1 differ (classes.txt), 1 it alone has (extra.txt). If this is the "
        "same data with changes, make them in data/source itself and run `segpipe init data/source`; else move it away "
        "(mv data/source ELSEWHERE)."
    )
    assert files(project / "data") == [f"source/{name}" for name in sorted([*more, "extra.txt"])]
    assert (project / "data/source/classes.txt").read_text() == "corrected"
    (project / "data/source/extra.txt").unlink()
    with pytest.raises(PipelineError, match=r"of its files 1 differ \(classes\.txt\)\. If"):
        ingest.import_data(folder)
    (project / "data/source/classes.txt").write_text("classes.txt")
    (folder / "masks/a.png").unlink()
    with pytest.raises(PipelineError, match=r"of its files 1 it alone has \(masks/a\.png\)\. If"):
        ingest.import_data(folder)


def test_an_addition_that_breaks_off_adds_nothing(project: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest.import_data(folder)
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text(name)

    def full(source: Path, target: Path) -> None:
        if target.name == "b.txt":
            raise OSError(28, "No space left on device", str(target))
        target.write_text("half")

    monkeypatch.setattr(ingest.shutil, "copyfile", full)
    with pytest.raises(PipelineError, match=r"b\.txt: could not be copied"):
        ingest.import_data(folder)
    assert files(project / "data") == [f"source/{name}" for name in DATA]


def test_a_copy_that_breaks_off_leaves_nothing(project: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, target: Path) -> None:
        target.write_text("half")
        if target.name == "a.png":
            raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(ingest.shutil, "copyfile", full)
    with pytest.raises(PipelineError, match=r"a\.png: could not be copied \(No space left on device\)"):
        ingest.import_data(folder)
    assert list((project / "data").iterdir()) == []


def test_where_the_data_will_lie(project: Path, folder: Path) -> None:
    assert ingest.data_path(folder, "x", in_place=False) == "data/source"
    assert ingest.data_path(folder, "x", in_place=True) == str(folder)
    assert ingest.data_path(project / "data/source", "x", in_place=True) == "data/source"
    assert ingest.data_path(project / "data/raw", "x", in_place=False) == "data/source"


def test_a_folder_is_not_copied_into_itself(project: Path) -> None:
    for where in (project, project / "data", project.parent):
        message = "here: data/source lies inside it. Move the data into a folder of its own."
        assert refused_path(where, "here", in_place=False) == message
        assert "here: stages empty and fill folders of data/." in refused_path(where, "here", in_place=True)
    assert "stages empty and fill" in refused_path(project / "data/raw", "here", in_place=True)


@pytest.mark.parametrize("prefix", ["", "mine/", "data/mine/"])
@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz"])
def test_archives_are_unpacked_and_their_wrapping_taken_off(project: Path, folder: Path, suffix: str, prefix: str) -> None:
    archive = folder.parent / f"my.data{suffix}"
    if suffix == ".zip":
        zipped(folder, archive, prefix)
    else:
        with tarfile.open(archive, "w" if suffix == ".tar" else "w:gz") as tar:
            for name in DATA:
                tar.add(folder / name, arcname=f"{prefix}{name}")
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    with ingest.open_source(str(archive), sha256) as where:
        assert [name for name in files(where) if "__MACOSX" not in name] == DATA
        assert "an archive cannot stay where it is" in refused_path(where, "x", in_place=True)
        kept = where
    assert not kept.exists()
    assert files(project) == []


def test_a_single_part_is_no_wrapping(project: Path, tmp_path: Path) -> None:
    (tmp_path / "data/mine/train/images").mkdir(parents=True)
    with ingest.open_source(str(tmp_path / "data"), None) as where:
        assert where == tmp_path / "data/mine"


def test_a_tar_of_voc_stays_packed(project: Path, tmp_path: Path) -> None:
    listing = tmp_path / "train.txt"
    listing.touch()
    for mode, stays in (("w", True), ("w:gz", False)):
        archive = tmp_path / f"voc{len(mode)}"
        with tarfile.open(archive, mode) as tar:  # type: ignore[call-overload]
            tar.add(listing, arcname="VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt")
        with ingest.open_source(str(archive), None) as where:
            assert (where == archive) == stays
            if stays:
                assert ingest.data_path(where, "x", in_place=True) == str(archive)
                ingest.import_data(where)
    assert files(project / "data") == ["source/voc1.tar"]


def test_a_hash_that_differs_is_refused(project: Path, folder: Path) -> None:
    archive = folder.parent / "mine.zip"
    sha256 = zipped(folder, archive)
    assert refusal(str(archive), "0" * 64) == (
        f"{archive}: its SHA-256 is {sha256}, not the one of --sha256. Get the file again."
    )
    assert refusal(str(folder), "0" * 64) == f"{folder}: --sha256 is for an archive or an address; this is a folder."


def test_what_is_not_there_or_no_archive_is_refused(project: Path, tmp_path: Path) -> None:
    assert refusal("gone/for good") == "gone/for good: no such folder or file."
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    assert refusal(str(tmp_path / "photo.jpg")).startswith(f"{tmp_path / 'photo.jpg'}: no archive that can be unpacked")
    assert files(project) == []


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A server of the folder that holds the data."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=partial(server.serve_forever, 0.01), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_an_address_is_downloaded_checked_and_cleaned_up(project: Path, folder: Path, address: str) -> None:
    sha256 = zipped(folder, folder.parent / "my data.zip", "mine/")
    with ingest.open_source(f"{address}/my%20data.zip", sha256) as where:
        ingest.import_data(where)
    assert files(project) == [f"data/source/{name}" for name in DATA]


def test_a_download_is_kept_where_something_goes_wrong_later(project: Path, folder: Path, address: str) -> None:
    sha256 = zipped(folder, folder.parent / "mine.zip")
    with pytest.raises(PipelineError, match="later"), ingest.open_source(f"{address}/mine.zip", sha256):
        raise PipelineError("later")
    assert files(project) == [".resume/download/mine.zip"]


def test_an_address_needs_a_hash(project: Path, address: str) -> None:
    assert refusal(f"{address}/x.zip") == (
        f"{address}/x.zip: an address needs --sha256 HEX, so that everyone gets the same bytes."
    )


def test_links_to_files_are_copied_as_files(project: Path, folder: Path) -> None:
    (folder / "labels.txt").symlink_to(folder / "classes.txt")
    ingest.import_data(folder)
    assert not (project / "data/source/labels.txt").is_symlink()
    assert (project / "data/source/labels.txt").read_text() == "classes.txt"


def test_links_that_lead_out_are_not_copied(project: Path, folder: Path) -> None:
    (folder.parent / "secret").write_text("x")
    (folder / "images/notes.md").symlink_to(folder.parent / "secret")
    with pytest.raises(PipelineError, match=r"^images/notes\.md: a link that leads out of "):
        ingest.import_data(folder)
    assert not (project / "data/source").exists()


def test_a_folder_that_holds_one_link_is_no_wrapping(project: Path, tmp_path: Path, folder: Path) -> None:
    (tmp_path / "wrapping").mkdir()
    (tmp_path / "wrapping/mine").symlink_to(folder, target_is_directory=True)
    with ingest.open_source(str(tmp_path / "wrapping"), None) as where:
        assert where == tmp_path / "wrapping"
    with ingest.open_source(str(tmp_path / "wrapping/mine"), None) as where:
        assert where == folder


def test_what_a_killed_copy_left_behind_is_gone_after_the_next(project: Path, tmp_path: Path) -> None:
    where = tmp_path / "mine"
    (where / "images").mkdir(parents=True)
    (where / "images" / "a.png").write_bytes(b"1")
    left = project / "data" / ".source.partial"
    left.mkdir(parents=True)
    (left / "half").write_bytes(b"2")
    ingest.import_data(where)
    assert not left.exists()
    assert files(project / "data" / "source") == ["images/a.png"]
