"""The table of PASCAL VOC's years, and the download of one."""

import hashlib
import importlib.util
import re
from pathlib import Path

import pytest

from segpipe.acquire import voc_download
from segpipe.acquire.voc_download import ARCHIVES, VocArchive, download
from segpipe.errors import PipelineError


def torchvision_table() -> dict[int, tuple[str, str]]:
    """Address and inner folder of each year in torchvision, read from its source: importing it takes seconds."""
    package = importlib.util.find_spec("torchvision")
    assert package is not None and package.origin is not None
    source = (Path(package.origin).parent / "datasets" / "voc.py").read_text(encoding="utf-8")
    entry = r'"(\d{4})": \{\s*"url": "([^"]+)".*?"base_dir": os\.path\.join\(([^)]*)\)'
    found = re.findall(entry, source, flags=re.DOTALL)
    return {int(year): (url, "/".join(re.findall(r'"(\w+)"', parts))) for year, url, parts in found}


def test_every_year_comes_from_where_torchvision_takes_it() -> None:
    assert {year: (archive.urls[0], archive.folder) for year, archive in ARCHIVES.items()} == torchvision_table()


def test_every_year_has_a_hash_of_its_own() -> None:
    hashes = {archive.sha256 for archive in ARCHIVES.values()}
    assert len(hashes) == len(ARCHIVES)
    assert all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in hashes)


@pytest.mark.parametrize("year", ARCHIVES)
def test_the_mirrors_of_a_year_have_the_same_file(year: int) -> None:
    urls = ARCHIVES[year].urls
    assert len({url.rsplit("/", 1)[-1] for url in urls}) == 1
    assert len(set(urls)) == len(urls) >= 2


@pytest.mark.parametrize("year", [2006, 2013])
def test_an_unknown_year_is_refused_with_the_known_ones(tmp_path: Path, year: int) -> None:
    with pytest.raises(PipelineError, match=f"{year} is known; expected one of 2007, 2008, 2009, 2010, 2011, 2012"):
        download(year, tmp_path, tmp_path)


def test_the_tar_of_a_year_arrives_as_it_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tar = tmp_path / "mirror.tar"
    tar.write_bytes(b"a tar")
    here = VocArchive(((tmp_path / "lost.tar").as_uri(), tar.as_uri()), hashlib.sha256(b"a tar").hexdigest(), "VOCdevkit/VOC2012")
    monkeypatch.setitem(ARCHIVES, 2012, here)
    download(2012, tmp_path / "raw", tmp_path / "partial")
    assert [path.name for path in (tmp_path / "raw").iterdir()] == ["VOC2012.tar"]
    assert (tmp_path / "raw" / "VOC2012.tar").read_bytes() == b"a tar"


def test_a_mirror_cannot_send_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tar = tmp_path / "mirror.tar"
    tar.write_bytes(b"a tar")
    monkeypatch.setitem(ARCHIVES, 2012, VocArchive((tar.as_uri(),), "0" * 64, ""))
    monkeypatch.setattr(voc_download, "MAX_BYTES", 4)
    with pytest.raises(PipelineError, match="more than the 4 allowed"):
        download(2012, tmp_path / "raw", tmp_path / "partial")
