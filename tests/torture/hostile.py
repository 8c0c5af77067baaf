"""Hostile inputs: each function builds one into a folder and returns it; a payload that ran leaves the marker file.

Whatever writes outside the folder it was meant for writes the marker too.
"""

import io
import json
import os
import pickle
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from PIL import Image

from segpipe.inference import onnx_session
from segpipe.models import model_file
from segpipe.storage import checksummed
from tests.inference.cards import small

Builder = Callable[[Path], Path]

MARKER = "marker"
HUGE = 2**50
"""Bytes that no disk has."""
TRAINED = "resnet18-f37072fd.pth"
"""What torchvision calls the ImageNet weights of its ResNet-18 in its cache."""
OUT_OF_THE_UNPACKED = "../../../" + MARKER
"""From project/.resume/init-*/NAME, where an archive is unpacked, to the project."""


class Payload:
    """Creates the marker where it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.command = f"touch '{folder / MARKER}'"

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


def pickled(name: str) -> Builder:
    """A plain pickle under any name."""

    def build(folder: Path) -> Path:
        return written(folder / name, pickle.dumps(Payload(folder)))

    return build


def object_array(name: str) -> Builder:
    """numpy's own format, whose arrays of objects are pickles."""

    def build(folder: Path) -> Path:
        stream = io.BytesIO()
        np.save(stream, np.array([Payload(folder)], dtype=object), allow_pickle=True)
        return written(folder / name, stream.getvalue())

    return build


def torch_file(name: str, new_format: bool = True) -> Builder:
    """A state_dict as torch.save writes it, with a payload among the tensors."""

    def build(folder: Path) -> Path:
        stream = io.BytesIO()
        content = {"conv1.weight": torch.zeros(2), "extra": Payload(folder)}
        torch.save(content, stream, _use_new_zipfile_serialization=new_format)
        return written(folder / name, stream.getvalue())

    return build


def sealed_pickle(name: str) -> Builder:
    """A pickle with a valid seal of ours in it: the seal says that a file is whole and not who made it."""

    def build(folder: Path) -> Path:
        blank = checksummed.BLANK.encode("ascii")
        mark, text = (
            (onnx_session.MARK, onnx_session.SEAL_KEY.encode("ascii") + b"\x12@" + blank)
            if name.endswith(".onnx")
            else (checksummed.MARK, b'\\"seal\\": \\"' + blank + b'\\"')
        )
        return written(folder / name, checksummed.closed(pickle.dumps(Payload(folder)) + text, mark))

    return build


def card_of_a_giant(folder: Path) -> Path:
    """A model file in our own format whose card asks for a network of 40 TB."""
    segmenter, card = small()
    about = card.to_dict() | {"channels": 10**12}
    return written(folder / "model.safetensors", checksummed.seal(segmenter.state_dict(), about))


def card_of_other_types(folder: Path) -> Path:
    """A model file in our own format whose card holds lists where there should be names."""
    segmenter, card = small()
    return written(folder / "model.safetensors", checksummed.seal(segmenter.state_dict(), card.to_dict() | {"training": []}))


def card_without_threads(folder: Path) -> Path:
    """A model file that weights.save itself wrote, of a card that does not say what prediction needs."""
    segmenter, card = small()
    model_file.save(folder / "model.safetensors", segmenter, replace(card, training={"params": {}}))
    return folder / "model.safetensors"


def onnx_that_reads_another_file(folder: Path) -> Path:
    """An ONNX file with our card and a valid seal, whose weights are to come from another file on the disk."""
    written(folder / "secret", bytes(4 * 3 * 3))
    weight = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[3, 3, 1, 1])
    weight.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": f"../{folder.name}/secret", "offset": "0", "length": "36"}.items():
        weight.external_data.add(key=key, value=value)
    values = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 3, None, None]) for name in ("image", "logits")
    ]
    node = onnx.helper.make_node("Conv", ["image", "w"], ["logits"])
    graph = onnx.helper.make_graph([node], "graph", values[:1], values[1:], [weight])
    model = onnx.helper.make_model(graph, ir_version=10, opset_imports=[onnx.helper.make_opsetid("", 18)])
    about = {checksummed.KEY: json.dumps(small()[1].to_dict()), onnx_session.SEAL_KEY: checksummed.BLANK}
    onnx.helper.set_model_props(model, about)
    return written(folder / "model.onnx", checksummed.closed(model.SerializeToString(), onnx_session.MARK))


def tar(name: str, *hostile: Callable[[Path], tarfile.TarInfo], voc: bool = False) -> Builder:
    """A tar of a good data set, or of a VOC tree, with hostile members behind it."""

    def build(folder: Path) -> Path:
        with tarfile.open(folder / name, "w") as archive:
            for path, content in (voc_files() if voc else mask_files()).items():
                _add(archive, tarfile.TarInfo(path), content)
            for make in hostile:
                member = make(folder)
                _add(archive, member, bytes(16) if member.isreg() else b"")
        return folder / name

    return build


def member(path: str, kind: bytes = tarfile.REGTYPE, target: str = "", **attributes: str) -> Callable[[Path], tarfile.TarInfo]:
    """A tar's member; MARKER alone stands for the marker's absolute path, here and in the link's target."""

    def make(folder: Path) -> tarfile.TarInfo:
        made = tarfile.TarInfo(_absolute(path, folder))
        made.type, made.linkname, made.pax_headers = kind, _absolute(target, folder), attributes
        return made

    return make


def sparse(path: str) -> Callable[[Path], tarfile.TarInfo]:
    """A member that says it is a file of many terabytes, all of them a hole."""
    attributes = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "0,0", "GNU.sparse.size": str(HUGE)}
    return member(path, **attributes)


def zip_with(name: str, path: str, mode: int = stat.S_IFREG | 0o644, content: bytes = b"x") -> Builder:
    """A zip of a good data set with one hostile member."""

    def build(folder: Path) -> Path:
        entry = zipfile.ZipInfo("placeholder")
        entry.filename = _absolute(path, folder)  # given to the constructor, it would be tidied up
        entry.external_attr = mode << 16
        with zipfile.ZipFile(folder / name, "w") as archive:
            for good, held in mask_files().items():
                archive.writestr(good, held)
            archive.writestr(entry, content)
        return folder / name

    return build


def zip_bomb(folder: Path) -> Path:
    """A zip of one small member that declares to be 1 TiB, in the header's 64-bit field."""
    archive = zip_with("bomb.zip", "zeros")(folder)
    content = bytearray(archive.read_bytes())
    entry = content.rindex(b"PK\x01\x02")
    struct.pack_into("<I", content, entry + 24, 2**32 - 1)
    extra = struct.pack("<HHQ", 1, 8, 2**40)
    struct.pack_into("<H", content, entry + 30, len(extra))
    content[entry + 46 + len("zeros") : entry + 46 + len("zeros")] = extra
    end = content.rindex(b"PK\x05\x06")
    struct.pack_into("<I", content, end + 12, struct.unpack_from("<I", content, end + 12)[0] + len(extra))
    return written(archive, bytes(content))


def postscript(folder: Path) -> Path:
    """PostScript called .png, and a `gs` that marks: Pillow hands the one to the other. The test puts `bin` on the PATH."""
    program = written(folder / "bin" / "gs", f"#!/bin/sh\ntouch '{folder / MARKER}'\n".encode())
    program.chmod(0o755)
    header = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%LanguageLevel: 2\n%%Pages: 1\n%%EndComments\n"
    return written(folder / "program.png", header + b"%%BeginProlog\n%%EndProlog\nshowpage\n%%EOF\n")


def png_of(name: str, width: int, height: int) -> Builder:
    """A PNG whose header alone says how large it is."""

    def build(folder: Path) -> Path:
        return written(folder / name, _png(width, height, zlib.compress(b"")))

    return build


def png_bomb(folder: Path) -> Path:
    """A whole and valid PNG of 100 KB that would be 1.4 GB in RGB."""
    side = 22000
    return written(folder / "bomb.png", _png(side, side, zlib.compress(bytes((side // 8 + 1) * side), 9), bits=1))


def png_text_bomb(folder: Path) -> Path:
    """A small picture with a comment that unpacks into 100 MB."""
    comment = _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(10**8), 9))
    return written(folder / "comment.png", _png(8, 8, zlib.compress(bytes(72)), before=comment))


def tiff_of_a_giant(folder: Path) -> Path:
    """A TIFF of a few bytes that says it has 10 billion pixels."""
    stream = io.BytesIO()
    Image.new("L", (8, 8)).save(stream, "TIFF")
    content = stream.getvalue()
    for tag in (256, 257):
        at = content.index(struct.pack("<HHI", tag, 4, 1))
        content = content[: at + 8] + struct.pack("<I", 100_000) + content[at + 12 :]
    return written(folder / "giant.tif", content)


def mask_files(side: int = 24) -> dict[str, bytes]:
    """A good data set of images and masks."""
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    files = {}
    for number in range(12):
        files[f"set/images/{number:02d}.png"] = encoded(pixels)
        files[f"set/masks/{number:02d}.png"] = encoded((pixels[:, :, 0] > 20 * number).astype(np.uint8))
    return files


def voc_files() -> dict[str, bytes]:
    """A good VOC tree of two images."""
    stream = io.BytesIO()
    Image.new("RGB", (16, 16)).save(stream, "JPEG")
    files = {"ImageSets/Segmentation/train.txt": b"a\n", "ImageSets/Segmentation/val.txt": b"b\n"}
    for item in ("a", "b"):
        files[f"JPEGImages/{item}.jpg"] = stream.getvalue()
        files[f"SegmentationClass/{item}.png"] = encoded(np.eye(16, dtype=np.uint8))
    return {f"VOC2012/{path}": content for path, content in files.items()}


def labelme(folder: Path, labels: dict[str, str], **also: Any) -> Path:
    """A labelme folder: images by name, a square of one label in each."""
    rng = np.random.default_rng(0)
    for name, label in labels.items():
        written(folder / f"{name}.png", encoded(rng.integers(0, 256, (32, 32, 3), np.uint8)))
        shape = {"label": label, "points": [[4, 4], [20, 4], [20, 20], [4, 20]], "shape_type": "polygon"}
        written(folder / f"{name}.json", json.dumps({"shapes": [shape]} | also).encode())
    return folder


def encoded(pixels: np.ndarray[Any, Any]) -> bytes:
    """PNG."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _absolute(path: str, folder: Path) -> str:
    return str(folder / MARKER) if path == MARKER else path


def _add(archive: tarfile.TarFile, member: tarfile.TarInfo, content: bytes) -> None:
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _png(width: int, height: int, data: bytes, bits: int = 8, before: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + before + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
