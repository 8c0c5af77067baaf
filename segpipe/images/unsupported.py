"""Kinds of files that hold pictures and are not read: known by their first bytes or their suffix, each with its way out."""

import mmap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from segpipe.errors import DataError
from segpipe.storage import listing


@dataclass(frozen=True)
class Kind:
    """`name` is what people call it, `remedy` what to do. A `picture` is surely meant as an image of the data set."""

    name: str
    remedy: str
    picture: bool = True


DICOM = Kind("a DICOM file", "Export it as PNG, 8 or 16 bits; DICOM is not read.")
VOLUME = Kind("a medical volume", "Export its slices as PNG, 8 or 16 bits; volumes are not read.")
HEIC = Kind("a HEIC photo", "Export it as PNG or JPEG; HEIC is not read.")
AVIF = Kind("an AVIF image", "Export it as PNG; AVIF is not read.")
JPEG_2000 = Kind("a JPEG 2000 image", "Export it as PNG or TIFF; JPEG 2000 is not read.")
JPEG_XL = Kind("a JPEG XL image", "Export it as PNG; JPEG XL is not read.")
RAW = Kind("a camera's raw file", "Develop it to PNG or TIFF, 8 or 16 bits; raw files are not read.")
SLIDE = Kind("a microscope's file", "Export fields of view as PNG or TIFF; this format is not read.")
EXR = Kind("an image of floating-point numbers", "Export it as 16-bit PNG or TIFF; OpenEXR and HDR are not read.")
LAYERS = Kind("a file of layers", "Export it as PNG; files of Photoshop and GIMP are not read.")
SVG = Kind("an SVG drawing", "Export it as PNG; drawings are not read.", picture=False)
PDF = Kind("a PDF or PostScript document", "Export its pages as PNG; documents are not read.", picture=False)
VIDEO = Kind("a video", "Export frames of it as PNG; videos are not read.", picture=False)
ARRAYS = Kind("a file of arrays", "Save each array as PNG or TIFF, 8 or 16 bits; arrays are not read.")
ARCHIVE = Kind("a compressed file", "Unpack it first.", picture=False)
POINTER = Kind(
    "a pointer of Git LFS in place of the file itself", "Run `git lfs pull` in the repository it came with.", picture=False
)
"""What stands where a repository was cloned without Git LFS: three lines of text under the file's own name."""

SUFFIXES: dict[str, Kind] = {
    suffix: kind
    for kind, suffixes in (
        (DICOM, ".dcm .dicom .ima"),
        (VOLUME, ".nii .nii.gz .mha .mhd .nrrd .nhdr .mgz .mgh"),
        (HEIC, ".heic .heif .hif"),
        (AVIF, ".avif"),
        (JPEG_2000, ".jp2 .j2k .jpx .j2c"),
        (JPEG_XL, ".jxl"),
        (RAW, ".dng .cr2 .cr3 .nef .arw .raf .orf .rw2 .pef .srw"),
        (SLIDE, ".svs .ndpi .mrxs .scn .czi .lif .nd2 .vsi .oib .oif .lsm .stk"),
        (EXR, ".exr .hdr .pfm"),
        (LAYERS, ".psd .psb .xcf"),
        (SVG, ".svg"),
        (PDF, ".pdf .ps .eps"),
        (VIDEO, ".mp4 .mov .avi .mkv .webm .mpg .mpeg .m4v .wmv"),
        (ARRAYS, ".npy .npz .mat .h5 .hdf5"),
    )
    for suffix in suffixes.split()
}
BEGINNINGS: tuple[tuple[int, bytes, Kind], ...] = (
    (128, b"DICM", DICOM),  # behind a preamble of 128 bytes with anything in it
    (344, b"n+1\0", VOLUME),  # NIfTI-1's magic ends its header; NIfTI-2's stands near the beginning
    (344, b"ni1\0", VOLUME),
    (4, b"n+2\0", VOLUME),
    (0, b"ObjectType", VOLUME),  # MetaImage, a header in text
    (0, b"NRRD000", VOLUME),
    # Brands of the ISO base media format: what no line before it knows and has `ftyp` is taken for MP4.
    (4, b"ftyphei", HEIC),
    (4, b"ftyphev", HEIC),
    (4, b"ftypmif1", HEIC),
    (4, b"ftypmsf1", HEIC),
    (4, b"ftypavi", AVIF),
    (4, b"ftypcrx", RAW),
    (4, b"ftyp", VIDEO),
    (0, b"\0\0\0\x0cjP  ", JPEG_2000),
    (0, b"\xff\x4f\xff\x51", JPEG_2000),
    (0, b"\0\0\0\x0cJXL ", JPEG_XL),
    (0, b"\xff\x0a", JPEG_XL),
    (0, b"FUJIFILMCCD-RAW", RAW),
    (0, b"IIRO", RAW),  # Olympus
    (0, b"IIU\0", RAW),  # Panasonic
    (8, b"CR\x02\0", RAW),  # Canon's CR2, behind the head of a TIFF
    (0, b"v/1\x01", EXR),
    (0, b"#?RADIANCE", EXR),
    (0, b"8BPS", LAYERS),
    (0, b"gimp xcf", LAYERS),
    (0, b"%PDF", PDF),
    (0, b"%!PS", PDF),
    (8, b"AVI ", VIDEO),
    (0, b"\x1aE\xdf\xa3", VIDEO),  # EBML: Matroska and WebM
    (0, b"\0\0\x01\xba", VIDEO),  # MPEG program stream
    (0, b"\x93NUMPY", ARRAYS),
    (0, b"MATLAB 5.0", ARRAYS),
    (0, b"\x89HDF\r\n\x1a\n", ARRAYS),
    (0, b"\x1f\x8b", ARCHIVE),
    (0, b"PK\x03\x04", ARCHIVE),
    (0, b"version https://git-lfs", POINTER),
)
"""Where in a file its sign stands."""
HEAD = 512
"""Bytes that hold every such sign."""


def kind_of(content: bytes | mmap.mmap) -> Kind | None:
    """What the first bytes say, where they are those of a kind that is not read."""
    for at, sign, kind in BEGINNINGS:
        if content[at : at + len(sign)] == sign:
            return kind
    is_text = content[:HEAD].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")  # photos may name SVG in what they say of themselves
    return SVG if is_text and b"<svg" in content[:HEAD].lower() else None


def kind_of_name(name: str) -> Kind | None:
    """What the suffix says, in any case of its letters."""
    lower = name.lower()
    return next((kind for suffix, kind in SUFFIXES.items() if lower.endswith(suffix)), None)


def is_pointer(path: Path) -> bool:
    """Whether a file is a pointer of Git LFS; one that cannot be read is none."""
    return _sniffed(path) == POINTER


def files_below(root: Path, sniff: bool) -> list[DataError]:
    """A warning for each picture under `root` of a kind that is not read, hidden ones left out.

    Where there is nothing else, `sniff`: each such file is an error then, pictures or not, and files without any suffix are
    opened too, since scanners write DICOM so.
    """
    return list(_problems(root, sniff)) if root.is_dir() else []


def _problems(root: Path, sniff: bool) -> Iterable[DataError]:
    for path in listing.files(root):
        kind = kind_of_name(path.name) or (_sniffed(path) if sniff and not path.suffix else None)
        if kind and (sniff or kind.picture):
            yield DataError(path.relative_to(root).as_posix(), kind.name, kind.remedy, warning=not sniff)


def _sniffed(path: Path) -> Kind | None:
    try:
        with path.open("rb") as stream:
            return kind_of(stream.read(HEAD))
    except OSError:
        return None
