"""What is seen in a folder before anything is done with it, and how it is told."""

import base64
import json
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segpipe.annotations.detect import inspect as first_look
from segpipe.annotations.detect import settings, summary
from segpipe.annotations.detect.inspect import Inspection
from segpipe.annotations.detect.layout import Kind, Layout
from segpipe.annotations.examination import examine
from segpipe.errors import PipelineError
from tests.annotations.data_params import data_params
from tests.images.tiff_files import Page, tiff

DATA = data_params(Path("unread"), "labelme")


def picture(path: Path, size: tuple[int, int] = (4, 3), mode: str = "RGB", orientation: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new(mode, size).save(path, exif=exif)


def mask(path: Path, ids: Sequence[int], size: tuple[int, int] = (4, 3)) -> None:
    """A mask that holds each of the ids, the last one everywhere else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.full(size[::-1], ids[-1], np.uint8)
    values.flat[: len(ids)] = ids
    Image.fromarray(values).save(path)


def labelled(path: Path, *labels: object, size: tuple[int, int] = (4, 3)) -> None:
    """An image and its JSON with a shape for each label."""
    picture(path.with_suffix(".jpg"), size)
    shapes = [{"label": label, "points": [[0, 0], [2, 0], [2, 2]]} for label in labels]
    path.with_suffix(".json").write_text(json.dumps({"shapes": shapes}))


def look(root: Path, kind: Kind | None = None, image_dir: str = "", mask_dir: str = "") -> Inspection:
    return first_look.inspect_folder(root, DATA, kind, image_dir, mask_dir)


def told(seen: Inspection, rule: str = "error") -> list[str]:
    return list(summary.lines(seen, rule))


def problems(seen: Inspection) -> list[str]:
    return [str(problem) for problem in seen.problems]


def test_masks_with_lists_and_names(tmp_path: Path) -> None:
    for name, ids in (("a", [0, 1, 2]), ("b", [0, 1]), ("c", [2, 1])):
        size = (8, 6) if name == "c" else (4, 3)
        picture(tmp_path / f"images/{name}.jpg", size)
        mask(tmp_path / f"masks/{name}.png", ids, size)
    (tmp_path / "classes.txt").write_text("sky\nroad\nunlabelled\n")
    (tmp_path / "splits").mkdir()
    for part, names in (("train", "a"), ("val", "b"), ("test", "c")):
        (tmp_path / "splits" / f"{part}.txt").write_text(names)
    seen = look(tmp_path)
    assert seen.layout == Layout("masks", "images", "masks")
    assert (seen.n_images, seen.unannotated, seen.problems) == (3, (), ())
    assert seen.sizes == (((4, 3), 2), ((8, 6), 1))
    assert seen.depths == (((3, 8), 3),)
    assert dict(seen.given) == {"train": 1, "val": 1, "test": 1}
    assert seen.values == (("0", 2), ("1", 3), ("2", 2))
    assert (seen.classes.names, seen.classes.ignore_index) == (("sky", "road"), 2)
    assert told(seen) == [
        f"{tmp_path}: masks (images and masks)",
        "  images   3, none without a mask",
        "  sizes    4 x 3 to 8 x 6, most often 4 x 3 (2)",
        "  pixels   RGB of 8 bits (3)",
        "  classes  2, from classes.txt: sky (in 2), road (in 3)",
        "  ignored  the value 2, in 2 images",
        "  split    given: train 1, val 1, test 1",
    ]


def test_labelme_with_folders_and_images_without_annotation(tmp_path: Path) -> None:
    labelled(tmp_path / "train/a", "dog", "cat", "cat", "__ignore__")
    labelled(tmp_path / "train/b", "cat", 5)
    labelled(tmp_path / "test/a", "background")
    picture(tmp_path / "c.jpg", (3, 4), "L", orientation=6)
    seen = look(tmp_path)
    assert (seen.layout, seen.n_images, seen.unannotated) == (Layout("labelme"), 4, ("c.jpg",))
    assert (seen.sizes, seen.depths) == ((((4, 3), 4),), (((3, 8), 3), ((1, 8), 1)))
    assert seen.classes.names == ("background", "5", "cat", "dog")
    assert told(seen, "skip")[1:] == [
        "  images   4, 1 without a JSON file",
        "           c.jpg: they are left out, since data.unannotated is skip "
        "(error: `dvc repro` stops at them, background: they count as images without objects)",
        "  sizes    4 x 3",
        "  pixels   RGB of 8 bits (3), gray of 8 bits (1)",
        "  classes  4, from the labels found: background, 5 (in 1), cat (in 2), dog (in 1)",
        "  split    given: train 2, test 1, the rest 1",
    ]


def test_labels_of_a_list_that_occur_nowhere_are_reported(tmp_path: Path) -> None:
    labelled(tmp_path / "a", "cat")
    (tmp_path / "labels.txt").write_text("__ignore__\n_background_\ncow\ncat\ndog\n")
    assert told(look(tmp_path))[-2:] == [
        "  classes  4, from labels.txt: _background_, cat (in 1); in no image: cow, dog",
        "  split    none given; the pipeline makes one",
    ]


def voc_tree(root: Path, ids: Sequence[int]) -> Path:
    (root / "ImageSets/Segmentation").mkdir(parents=True)
    for name in ("train", "val"):
        picture(root / f"JPEGImages/{name}.jpg")
        mask(root / f"SegmentationClass/{name}.png", ids)
        (root / f"ImageSets/Segmentation/{name}.txt").write_text(f"{name}\n")
    return root


def test_voc_as_a_folder_a_tar_and_a_folder_with_the_tar(tmp_path: Path) -> None:
    devkit = tmp_path / "download"
    tree = voc_tree(devkit / "VOCdevkit/VOC2012", [0, 7, 20, 255])
    archive = tmp_path / "data" / "voc.tar"
    archive.parent.mkdir()
    with tarfile.open(archive, "w") as tar:
        tar.add(devkit, arcname=".")
    expected = look(tree)
    assert expected.layout == Layout("voc")
    assert (len(expected.classes.names), expected.classes.names[20], expected.classes.origin) == (21, "tvmonitor", "PASCAL VOC")
    assert told(expected)[-2:] == ["  ignored  the value 255, in 2 images", "  split    given: test 1, the rest 1"]
    for root in (devkit, archive, archive.parent):
        assert told(look(root))[1:] == told(expected)[1:]


def test_a_tree_of_voc_with_other_classes(tmp_path: Path) -> None:
    assert look(voc_tree(tmp_path / "own", [0, 1, 2])).classes.names == ("background", "class_1", "class_2")
    assert look(voc_tree(tmp_path / "VOC2007", [0, 1, 2])).classes.names[2] == "bicycle"
    (tmp_path / "own/classes.txt").write_text("sound\ncrack\nhole\n")
    assert look(tmp_path / "own").classes.names == ("sound", "crack", "hole")


def test_a_word_decides_between_two_kinds(tmp_path: Path) -> None:
    labelled(tmp_path / "images/a", "cat")
    mask(tmp_path / "masks/a.png", [0, 1, 2])
    assert look(tmp_path, "labelme").classes.names == ("background", "cat")
    assert look(tmp_path, "masks").classes.names == ("background", "class_1", "class_2")
    assert look(tmp_path, None, "images", "masks").layout.kind == "masks"


def test_what_convert_would_refuse_is_reported(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d"):
        picture(tmp_path / f"images/{name}.png")
    mask(tmp_path / "masks/a.png", [0, 99])
    picture(tmp_path / "masks/b.png")
    picture(tmp_path / "masks/c.jpg", mode="L")
    mask(tmp_path / "masks/d.png", [0, 1])
    mask(tmp_path / "masks/e.png", [0, 1])
    (tmp_path / "images/d.png").write_bytes(b"")
    sentences = problems(look(tmp_path))
    assert len(sentences) == 3
    assert sentences[0] == "masks/e.png: a mask without an image. Add its image, or remove it."
    assert sentences[1].startswith("masks/c.jpg: a mask saved as JPEG, which changes class ids.")
    assert sentences[2].startswith("images/d.png: an empty file.")


def test_broken_json_next_to_sound_json_is_reported(tmp_path: Path) -> None:
    labelled(tmp_path / "a", "cat")
    labelled(tmp_path / "b", "cat")
    (tmp_path / "b.json").write_text("{")
    (tmp_path / "c.json").write_text("{}")
    first, second = problems(look(tmp_path))
    assert first.startswith("c.json: a JSON file that is not labelme's")
    assert second.startswith("line 1, column 2 of b.json: a JSON file that is broken (")


def test_labels_are_reported_even_where_shapes_are_bad_and_odd_shapes_are_warnings(tmp_path: Path) -> None:
    labelled(tmp_path / "a", "cat", "cow ")
    shapes = [{"label": "dog", "points": []}, {"label": "cat", "points": [[0, 0], [1, 1], [2, 2]]}]
    save = {"shapes": shapes, "imageWidth": 4, "imageHeight": 3}
    picture(tmp_path / "b.jpg")
    (tmp_path / "b.json").write_text(json.dumps(save))
    seen = look(tmp_path)
    assert seen.values == (("cat", 2), ("cow", 1), ("dog", 1))
    assert seen.classes.names == ("background", "cat", "cow", "dog")
    assert [(problem.file, problem.problem, problem.warning) for problem in seen.problems] == [
        ("shape 2 of a.json", 'a label with blanks around it ("cow")', True),
        ("shape 1 of b.json", 'polygon "dog" needs 3 points or more', False),
        ("shape 2 of b.json", 'polygon "cat" with no area', True),
    ]


def test_images_inside_json_files_are_looked_at(tmp_path: Path) -> None:
    labelled(tmp_path / "train/a", "cat")
    content = json.loads((tmp_path / "train/a.json").read_text())
    content |= {"imageData": base64.b64encode((tmp_path / "train/a.jpg").read_bytes()).decode(), "imagePath": "a.jpg"}
    (tmp_path / "train/a.json").write_text(json.dumps(content))
    (tmp_path / "train/a.jpg").unlink()
    seen = look(tmp_path)
    assert (seen.layout, seen.n_images, seen.problems) == (Layout("labelme"), 1, ())
    assert (seen.sizes, seen.depths, seen.given) == ((((4, 3), 1),), (((3, 8), 1),), (("train", 1),))
    assert seen.values == (("cat", 1),)


def test_masks_in_black_and_white_and_in_colours_are_reported(tmp_path: Path) -> None:
    picture(tmp_path / "x/images/a.jpg")
    mask(tmp_path / "x/masks/a.png", [0, 255])
    assert told(look(tmp_path / "x"))[-3:-1] == [
        "  classes  2, from black and white (255) in the masks: background (in 1), object (in 1)",
        "  values   binary: 0 is background, any other value the object",
    ]
    picture(tmp_path / "y/images/a.jpg")
    picture(tmp_path / "y/masks/a.png")
    Image.fromarray(np.array([[(0, 0, 0), (9, 0, 0)]], np.uint8)).resize((4, 3), 0).save(tmp_path / "y/masks/a.png")
    assert told(look(tmp_path / "y"))[-3:-1] == [
        "  classes  2, from the colours found, since no label_colors.txt names them: background (in 1), class_1 (in 1)",
        "  values   codes: background is 0 0 0, class_1 is 9 0 0",
    ]


def test_files_of_several_bands_are_told_by_their_number(tmp_path: Path) -> None:
    for name, bands in (("a", 5), ("b", 2), ("c", 5)):
        values = np.arange(12 * bands, dtype=np.uint16).reshape(3, 4, bands)
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / f"images/{name}.tif").write_bytes(tiff(Page(values)))
        mask(tmp_path / f"masks/{name}.png", [0, 1])
    assert "  pixels   5 bands of 16 bits (2), 2 bands of 16 bits (1)" in told(look(tmp_path))


def test_nothing_is_made_up_of_files_that_could_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.tif").write_bytes(tiff(*[Page(np.zeros((3, 4), np.uint8))] * 2))
    mask(tmp_path / "masks/a.png", [0, 1])
    assert told(look(tmp_path))[1:4] == [
        "  images   1, none without a mask",
        "           none of them could be read, so nothing is known of their pixels and classes",
        "  split    none given; the pipeline makes one",
    ]


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PipelineError) as caught:
        look(tmp_path / "gone")
    assert str(caught.value) == f"{tmp_path / 'gone'}: no such folder or file."


def test_many_processes_see_the_same_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        picture(tmp_path / f"images/{number}.png", (number % 3 + 4, 3))
        mask(tmp_path / f"masks/{number}.png", [0, number % 7], (number % 3 + 4, 3))
    (tmp_path / "images/9.png").write_bytes(b"no image")
    parallel = look(tmp_path)
    assert (parallel.n_images, len(parallel.problems)) == (40, 1)
    monkeypatch.setattr(examine, "SERIAL_UP_TO", 100)
    serial = look(tmp_path)
    assert replace(serial, problems=()) == replace(parallel, problems=())
    assert problems(serial) == problems(parallel)


def test_masks_of_classes_are_reported_with_what_becomes_of_them(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        picture(tmp_path / f"images/{name}.jpg")
        mask(tmp_path / f"masks/{name}_dog.png", [255, 0])
        mask(tmp_path / f"masks/{name}_cat.png", [0, 1] if name == "a" else [0])
    seen = look(tmp_path)
    assert seen.layout == Layout("masks", "images", "masks", "{stem}_{class}", classes=("cat", "dog"))
    assert (seen.values, seen.problems) == ((("cat", 1), ("dog", 3)), ())
    assert told(seen) == [
        f"{tmp_path}: masks (images and masks, {{stem}}_{{class}})",
        "  images   3, none without a mask",
        "  sizes    4 x 3",
        "  pixels   RGB of 8 bits (3)",
        "  classes  3, from the names of the masks: background, cat (in 1), dog (in 3)",
        "  masks    one for each class; where they overlap data.shapes.overlap says which wins",
        "  values   binary: 0 is nothing, any other value the mask's class",
        "  split    none given; the pipeline makes one",
    ]
    (tmp_path / "classes.txt").write_text("dog\ncow\ncat\n")
    assert "  classes  4, from classes.txt: background, dog (in 3), cat (in 1); in no image: cow" in told(look(tmp_path))


def test_parts_of_masks_are_reported_with_what_becomes_of_them(tmp_path: Path) -> None:
    for name in ("a", "b"):
        picture(tmp_path / f"{name}.png")
        mask(tmp_path / f"{name}_mask.png", [0, 255])
    mask(tmp_path / "a_mask_1.png", [255, 0])
    seen = look(tmp_path)
    assert (seen.n_images, seen.problems, seen.values) == (2, (), (("0", 2), ("255", 2)))
    assert told(seen)[0] == f"{tmp_path}: masks (. and ., {{stem}}_mask{{part}})"
    assert told(seen)[-3:-1] == [
        "  masks    those of one image are joined; where they overlap data.shapes.overlap says which wins",
        "  values   binary: 0 is background, any other value the object",
    ]


def test_a_list_of_pairs_tells_the_classes_of_its_column(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    mask(tmp_path / "1.png", [0, 7])
    mask(tmp_path / "2.png", [7, 0])
    (tmp_path / "pairs.csv").write_text("image,mask,class\na.jpg,1.png,dog\na.jpg,2.png,cat\n")
    seen = look(tmp_path)
    assert (seen.n_images, seen.problems, seen.classes.origin) == (1, (), "the list of pairs")
    assert seen.classes.names == ("background", "cat", "dog")
    assert settings.data_settings(seen, "data/source") == {
        "data.source": "masks",
        "data.path": "data/source",
        "data.masks.classes": ("background", "cat", "dog"),
        "data.masks.image_dir": ".",
        "data.masks.mask_dir": ".",
        "data.masks.template": "{stem}",
        "data.masks.pairs": "pairs.csv",
        "data.masks.values": "binary",
        "data.masks.ignore_index": 255,
        "data.masks.palette": "indices",
    }
