"""Any annotation to one form: what is measured, that everything wrong is told at once, and that processes change nothing."""

import hashlib
import json
import tarfile
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segpipe.annotations import measure
from segpipe.annotations.convert import convert
from segpipe.annotations.examination import examine
from segpipe.errors import PipelineError
from segpipe.images.decode import decode_mask
from segpipe.images.encode import encode_mask
from segpipe.params.schema import DataParams
from segpipe.record import DatasetInfo, Record
from tests.annotations.data_params import data_params
from tests.images.tiff_files import Page, tiff

CLASSES = ["background", "cat", "dog"]
IDS = np.array([[0, 1, 2], [2, 1, 255]], np.uint8)
PIXELS = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)


def params(root: Path, source: str = "masks", **keys: Any) -> DataParams:
    """The project's own data section, for a folder of this source."""
    return data_params(root, source, **({"classes": CLASSES} | keys if source != "sample" else keys))


def save(root: Path, name: str, image: np.ndarray = PIXELS, mask: np.ndarray | None = IDS) -> None:
    for folder, pixels in (("images", image), ("masks", mask)):
        if pixels is not None:
            path = root / folder / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)


def converted(root: Path, source: str = "masks", **block: Any) -> tuple[list[Record], DatasetInfo]:
    examination, info = convert(params(root, source, **block), CLASSES, root.parent / f"{root.name}.masks")
    return [*examination.records], info


def refusal(root: Path, source: str = "masks", **block: Any) -> str:
    with pytest.raises(PipelineError) as caught:
        converted(root, source, **block)
    return str(caught.value)


def test_a_record_holds_what_was_measured(tmp_path: Path) -> None:
    save(tmp_path, "train/a")
    save(tmp_path, "test/b", image=PIXELS[..., 0], mask=np.zeros((2, 3), np.uint8))
    (second, first), info = converted(tmp_path)
    content = (tmp_path / "images/train/a.png").read_bytes()
    assert (first.id, first.source, first.suffix, first.given) == ("train/a", "images/train/a.png", ".png", "train")
    assert (first.width, first.height, first.channels, first.bits) == (3, 2, 3, 8)
    assert (first.pixels, first.ignored) == ((1, 2, 2), 1)
    assert first.sums == (0 + 3 + 6 + 9 + 12 + 15, 1 + 4 + 7 + 10 + 13 + 16, 2 + 5 + 8 + 11 + 14 + 17)
    assert first.squares[0] == 9 + 36 + 81 + 144 + 225
    assert first.image.read() == content
    assert first.image_sha256 == hashlib.sha256(content).hexdigest()
    assert first.mask_png.read() == encode_mask(IDS)
    assert first.mask_sha256 == hashlib.sha256(first.mask_png.read()).hexdigest()
    assert (second.id, second.given, second.channels, second.pixels, second.ignored) == ("test/b", "test", 1, (6, 0, 0), 0)
    assert info == DatasetInfo(tuple(CLASSES), has_background=True, channels=3, bits=8, n_images=2)


def test_sums_of_16_bit_images_are_exact(tmp_path: Path) -> None:
    save(tmp_path, "a", image=np.full((200, 300), 65535, np.uint16), mask=np.ones((200, 300), np.uint8))
    (record,), info = converted(tmp_path)
    assert (info.bits, info.channels) == (16, 1)
    assert (record.sums, record.squares) == ((60000 * 65535,), (60000 * 65535**2,))


def test_a_large_image_is_measured_in_pieces_with_the_same_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight bytes for each of its values would let a file of 100 KB fill 14 GB."""
    save(tmp_path, "a")
    whole = converted(tmp_path)
    monkeypatch.setattr(measure, "PIECE", 7)
    assert converted(tmp_path) == whole
    monkeypatch.undo()
    large = np.full((4096, 4096), 1, np.uint8)
    save(tmp_path, "b", large, large)
    tracemalloc.start()
    converted(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * large.size


def test_a_first_class_that_is_no_background_is_an_object(tmp_path: Path) -> None:
    save(tmp_path, "a")
    assert not converted(tmp_path, classes=["sky", "cat", "dog"])[1].has_background
    assert converted(tmp_path, classes=["_background_", "cat", "dog"])[1].has_background


def test_every_source_gives_the_same_masks(tmp_path: Path) -> None:
    ids = np.zeros((6, 8), np.uint8)
    ids[1:3, 2:5] = 1
    ids[3, 0:2] = 2
    save(tmp_path / "masks", "a", image=np.zeros((6, 8, 3), np.uint8), mask=ids)
    shapes = [
        {"label": "cat", "points": [[2, 1], [4, 2]], "shape_type": "rectangle"},
        {"label": "dog", "points": [[0, 3], [1, 3]], "shape_type": "rectangle"},
    ]
    (tmp_path / "labelme").mkdir()
    (tmp_path / "labelme/a.json").write_text(json.dumps({"shapes": shapes}))
    Image.new("RGB", (8, 6)).save(tmp_path / "labelme/a.png")
    for folder, text in (("JPEGImages", None), ("SegmentationClass", None), ("ImageSets/Segmentation", "a\n")):
        (tmp_path / "voc" / folder).mkdir(parents=True)
        if text:
            (tmp_path / "voc" / folder / "train.txt").write_text(text)
            (tmp_path / "voc" / folder / "val.txt").write_text("")
    Image.new("RGB", (8, 6)).save(tmp_path / "voc/JPEGImages/a.png")
    Image.fromarray(ids).save(tmp_path / "voc/SegmentationClass/a.png")
    with tarfile.open(tmp_path / "voc.tar", "w") as tar:
        tar.add(tmp_path / "voc", arcname="VOCdevkit/VOC2007")
    for source, name in (("masks", "masks"), ("labelme", "labelme"), ("sample", "labelme"), ("voc", "voc"), ("voc", "voc.tar")):
        data = params(tmp_path / name, source if source != "sample" else "labelme")
        (record,) = convert(data.model_copy(update={"source": source}), CLASSES, tmp_path / "spool")[0].records
        assert decode_mask(record.mask_png.read(), "mask").tolist() == ids.tolist(), source
        assert (record.id, record.width, record.height) == ("a", 8, 6)


def test_everything_wrong_is_reported_at_once(tmp_path: Path) -> None:
    for number in range(12):
        save(tmp_path, f"bad{number:02}", mask=np.array([[0, 7, 0], [0, 1, 0]], np.uint8))
    save(tmp_path, "fine")
    save(tmp_path, "large", mask=np.zeros((3, 3), np.uint8))
    save(tmp_path, "lonely", mask=None)
    photo = Image.effect_noise((60, 60), 90)
    photo.save(tmp_path / "images/cut.jpg")
    content = (tmp_path / "images/cut.jpg").read_bytes()
    (tmp_path / "images/cut.jpg").write_bytes(content[: len(content) // 2])
    Image.fromarray(np.ones((60, 60), np.uint8)).save(tmp_path / "masks/cut.png")
    (tmp_path / "images/text.png").write_text("no image")
    Image.fromarray(IDS).save(tmp_path / "masks/text.png")
    message = refusal(tmp_path)
    lines = message.splitlines()
    masks = ", ".join(f"masks/bad{number:02}.png" for number in range(10))
    assert (
        "12 files: values that are no class: 7. data.masks.classes names 0 to 2. "
        "Name every class, or let data.masks.ignore_index be the value that is not looked at." in lines
    )
    assert f"  {masks} and 2 more" in lines
    assert any(line.startswith("masks/large.png: 3 x 3 pixels, but the image has 3 x 2. ") for line in lines)
    assert any(line.startswith("images/lonely.png: an image without a mask. ") for line in lines)
    assert any(line.startswith("images/cut.jpg: a damaged image (image file is truncated") for line in lines)
    assert any(line.startswith("images/text.png: not an image that can be read") for line in lines)
    assert lines[-1] == "5 kinds of problem; nothing was converted."
    assert "  params.yaml: data.masks.classes: add class_3, class_4, class_5, class_6, class_7" in lines
    assert len(lines) == 9


def test_16_bits_next_to_8_bits_are_refused(tmp_path: Path) -> None:
    save(tmp_path, "a")
    save(tmp_path, "b", image=np.zeros((2, 3), np.uint16))
    assert refusal(tmp_path).splitlines()[0] == (
        "images/b.png: 16 bits a channel where other images have 8. Bring all images to one depth."
    )


@pytest.mark.parametrize(("channels", "most"), [((3, 3, 4), 3), ((1, 5), 5), ((4, 4, 3, 1), 4), ((5, 5, 13), 5)])
def test_images_of_other_channels_are_named(tmp_path: Path, channels: tuple[int, ...], most: int) -> None:
    for number, count in enumerate(channels):
        save(tmp_path, f"{number}")
        (tmp_path / f"images/{number}.png").unlink()
        page = Page(np.full((2, 3, count), number, np.uint8))
        (tmp_path / f"images/{number}.tif").write_bytes(tiff(page))
    lines = refusal(tmp_path).splitlines()
    remedy = "Bring all images to the same channels. Only gray among RGB is brought to RGB."
    others = [
        f"images/{number}.tif: {count} channel{'s' if count > 1 else ''} where others have {most}. {remedy}"
        for number, count in enumerate(channels)
        if count != most
    ]
    assert sorted(lines[: len(others)]) == sorted(others)


def test_bands_go_into_the_pack_and_gray_goes_among_colours(tmp_path: Path) -> None:
    save(tmp_path, "a")
    (tmp_path / "images/a.png").unlink()
    (tmp_path / "images/a.tif").write_bytes(tiff(Page(np.arange(30, dtype=np.uint16).reshape(2, 3, 5), 5)))
    (record,), info = converted(tmp_path)
    assert (info.channels, info.bits, record.suffix) == (5, 16, ".tif")
    assert (record.low, record.high) == ((0, 1, 2, 3, 4), (25, 26, 27, 28, 29))


def test_a_transparent_image_is_a_warning_and_a_photo_s_scale_is_kept(tmp_path: Path) -> None:
    save(tmp_path, "a")
    pixels = np.random.default_rng(0).integers(0, 255, (2, 3, 4), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "images/a.png", dpi=(254, 254))
    examination, _ = convert(params(tmp_path), (), tmp_path / "spool")
    assert examination.records[0].spacing == (100_000, 100_000)
    assert [each.file for each in examination.problems if "transparent pixels" in each.problem and each.warning] == [
        "images/a.png"
    ]


def test_a_folder_of_kinds_that_are_not_read_names_them(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.dcm").write_bytes(b"x")
    assert refusal(tmp_path).splitlines()[0] == ("images/a.dcm: a DICOM file. Export it as PNG, 8 or 16 bits; DICOM is not read.")
    save(tmp_path, "b")
    examination, _ = convert(params(tmp_path), (), tmp_path / "spool")
    assert [each.file for each in examination.problems if each.problem == "a DICOM file" and each.warning] == ["images/a.dcm"]


def test_masks_without_any_object_are_refused(tmp_path: Path) -> None:
    save(tmp_path, "a", mask=np.zeros((2, 3), np.uint8))
    problem = "all masks: only class 0 in them, so there is nothing to learn. "
    assert refusal(tmp_path).splitlines()[0] == problem + "Annotate objects, or check that the masks hold class ids."
    save(tmp_path, "b", mask=np.array([[0, 255, 0], [255, 0, 0]], np.uint8))
    assert refusal(tmp_path).splitlines()[:2] == [
        "masks/b.png: only the values 0 and 255, as in a picture in black and white. Read them as background and object.",
        "  params.yaml: data.masks.values: binary",
    ]


@pytest.mark.parametrize("source", ["masks", "labelme", "voc"])
def test_a_missing_and_an_empty_folder_are_refused(tmp_path: Path, source: str) -> None:
    missing = tmp_path / "gone"
    assert refusal(missing, source) == (
        f"data.path: {missing} does not exist. Run `segpipe init PATH` with the folder of your data."
    )
    message = refusal(tmp_path, source)
    assert len(message.splitlines()) <= 2
    assert tmp_path.name in message


def test_a_folder_of_another_source_is_refused(tmp_path: Path) -> None:
    save(tmp_path, "a")
    assert refusal(tmp_path, "labelme", unannotated="skip") == (
        f"{tmp_path}: no annotated images in it. data.source is labelme; does data.path fit it?"
    )


def test_files_that_vanish_or_may_not_be_read_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, "a")

    def refuse_to_read(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse_to_read)
    assert refusal(tmp_path).splitlines()[0] == (
        "images/a.png: could not be read (Permission denied). Mend its rights, or copy it again."
    )


def test_many_processes_give_the_same_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    for number in range(40):
        shape = tuple(rng.integers(5, 20, 2))
        save(tmp_path, f"{number}", rng.integers(0, 256, (*shape, 3), np.uint8), rng.integers(0, 3, shape, np.uint8))
    assert examine.SERIAL_UP_TO < 40
    parallel = converted(tmp_path)
    monkeypatch.setattr(examine, "SERIAL_UP_TO", 1000)
    assert parallel == converted(tmp_path)
    (tmp_path / "images/7.png").write_bytes(b"")
    serial_refusal = refusal(tmp_path)
    monkeypatch.setattr(examine, "SERIAL_UP_TO", 1)
    assert refusal(tmp_path) == serial_refusal
    assert serial_refusal.startswith("images/7.png: an empty file. ")
