"""Broken and odd folders of labelme."""

import base64
import io
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.corpus.build import LEFT, RIGHT, Make, cut, labelme, photos, shape, steps, written
from tests.corpus.case import Case, check

CAT_DOG = ("background", "cat", "dog")


def case(name: str, make: Make, errors: str = "", masks: Any = None, warnings: str = "", **keys: Any) -> Case:
    return Case(name, "labelme", make, errors, masks, warnings, {"classes": CAT_DOG, **keys})


def png(values: Any) -> str:
    stream = io.BytesIO()
    Image.fromarray(np.asarray(values, np.uint8)).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def one(*shapes: Any, **keys: Any) -> Make:
    return lambda root: labelme(root / "a", *shapes, **keys)


def text(content: str | bytes) -> Make:
    return steps(lambda root: photos(root, "a.jpg"), written("a.json", content))


def linked(root: Path) -> None:
    labelme(root / "a", shape("cat"))
    cached = root.parent / "cache/files/md5/1f" / ("3a" * 15)
    cached.parent.mkdir(parents=True)
    (root / "a.jpg").rename(cached)
    (root / "a.jpg").symlink_to(cached)


def linked_out(root: Path) -> None:
    labelme(root / "a", shape("cat"))
    (root / "a.jpg").rename(root.parent / "a.jpg")
    (root / "a.jpg").symlink_to(root.parent / "a.jpg")


def unreadable(root: Path) -> None:
    labelme(root / "a", shape("cat"))
    (root / "a.jpg").unlink()
    (root / "a.jpg").symlink_to(root / "gone.jpg")


def accents(root: Path) -> None:
    labelme(root / unicodedata.normalize("NFC", "été 1"), shape("cat"), image=unicodedata.normalize("NFD", "été 1.jpg"))


def wrong_everywhere(root: Path) -> None:
    """Every kind of mistake, most of them in more files than are shown."""
    for number in range(13):
        labelme(root / f"label{number:02}", shape("bird"))
        photos(root, f"bare{number:02}.jpg")
    labelme(root / "nan", shape("cat", [[0, 0], [float("nan"), 1], [1, 1]]))
    labelme(root / "kind", shape("cat", kind="blob"))
    labelme(root / "size", shape("cat"), imageWidth=80, imageHeight=40)
    labelme(root / "gone", shape("cat"), image=None, imagePath="gone.jpg")
    labelme(root / "cut", shape("cat"))
    cut("cut.jpg", 200)(root)
    text("{")(root)


CASES = [
    case(
        "label in no list",
        one(shape("bird")),
        errors=(
            'a.json: a label that data.labelme.classes does not list: "bird". '
            "Add it to data.labelme.classes, map it in data.class_map, or correct it in the files.\n"
            "  params.yaml: data.labelme.classes: add bird"
        ),
        masks={"a": "33330000"},
    ),
    case(
        "two labels in no list",
        steps(one(shape("bird")), lambda r: labelme(r / "b", shape("cow", RIGHT))),
        errors=(
            'a.json: a label that data.labelme.classes does not list: "bird". '
            "Add it to data.labelme.classes, map it in data.class_map, or correct it in the files.\n"
            "  params.yaml: data.labelme.classes: add bird\n"
            'b.json: a label that data.labelme.classes does not list: "cow". '
            "Add it to data.labelme.classes, map it in data.class_map, or correct it in the files.\n"
            "  params.yaml: data.labelme.classes: add cow"
        ),
        masks={"a": "33330000", "b": "00004444"},
    ),
    case(
        "label of another case",
        one(shape("Cat")),
        errors=(
            'a.json: a label that data.labelme.classes spells otherwise: "Cat", there "cat". '
            "Map it in data.class_map, or correct it in the files.\n"
            "  params.yaml: data.class_map: add Cat: cat"
        ),
        masks={"a": "11110000"},
    ),
    case(
        "labels with hyphens and blanks",
        one(shape("stop-sign"), shape("Stop sign", RIGHT)),
        errors=(
            'a.json: a label that data.labelme.classes spells otherwise: "Stop sign", there "stop_sign". '
            "Map it in data.class_map, or correct it in the files.\n"
            "  params.yaml: data.class_map: add Stop sign: stop_sign\n"
            'a.json: a label that data.labelme.classes spells otherwise: "stop-sign", there "stop_sign". '
            "Map it in data.class_map, or correct it in the files.\n"
            "  params.yaml: data.class_map: add stop-sign: stop_sign"
        ),
        masks={"a": "11111111"},
        classes=("background", "stop_sign"),
    ),
    case(
        "label of another case of a class that is dropped",
        one(shape("CAT"), shape("dog", RIGHT)),
        errors=(
            'a.json: a label that data.labelme.classes spells otherwise: "CAT", there "cat". '
            "Map it in data.class_map, or correct it in the files.\n"
            "  params.yaml: data.class_map: add CAT: __drop__"
        ),
        masks={"a": "00001111"},
        class_map={"cat": "__drop__"},
    ),
    case(
        "background's other case",
        one(shape("Background"), shape("cat", RIGHT)),
        errors=(
            'a.json: a label that data.labelme.classes spells otherwise: "Background", there "background". '
            "Map it in data.class_map, or correct it in the files.\n"
            "  params.yaml: data.class_map: add Background: background"
        ),
        masks={"a": "00001111"},
    ),
    case(
        "image without annotation",
        steps(one(shape("cat")), lambda r: photos(r, "b.jpg")),
        errors=(
            "b.jpg: an image without a JSON file. Annotate it, or set data.unannotated to skip or background.\n"
            "  params.yaml: data.unannotated: skip"
        ),
        masks={"a": "11110000"},
    ),
    case(
        "image without annotation is background",
        steps(one(shape("cat")), lambda r: photos(r, "b.jpg")),
        masks={"a": "11110000", "b": "00000000"},
        unannotated="background",
    ),
    case(
        "image without annotation is skipped",
        steps(one(shape("cat")), lambda r: photos(r, "b.jpg")),
        masks={"a": "11110000"},
        warnings="b.jpg: an image without a JSON file. It was left out, as data.unannotated says.",
        unannotated="skip",
    ),
    case(
        "no label",
        one(shape("")),
        errors="shape 1 of a.json: a shape without a label. Give every shape its label in labelme, or remove it.",
    ),
    case(
        "label of blanks",
        one(shape("   ")),
        errors="shape 1 of a.json: a shape without a label. Give every shape its label in labelme, or remove it.",
    ),
    case(
        "label is null",
        one(shape(None)),
        errors="shape 1 of a.json: a shape without a label. Give every shape its label in labelme, or remove it.",
    ),
    case(
        "label is a number in no list",
        one(shape(7)),
        errors=(
            'a.json: a label that data.labelme.classes does not list: "7". '
            "Add it to data.labelme.classes, map it in data.class_map, or correct it in the files.\n"
            "  params.yaml: data.labelme.classes: add 7"
        ),
        masks={"a": "33330000"},
    ),
    case(
        "blanks around a label",
        one(shape(" cat ")),
        masks={"a": "11110000"},
        warnings='shape 1 of a.json: a label with blanks around it ("cat"). It is read without them; correct it in labelme.',
    ),
    case(
        "NaN",
        one(shape("cat", [[0, 0], [float("nan"), 1], [3, 3]])),
        errors=('shape 1 of a.json: polygon "cat" with a point that is NaN or infinite. Draw it again, or remove it.'),
    ),
    case(
        "two points",
        one(shape("cat", [[0, 0], [3, 3]])),
        errors='shape 1 of a.json: polygon "cat" needs 3 points or more. Draw it again, or remove it.',
    ),
    case(
        "no points",
        one(shape("cat", [])),
        errors='shape 1 of a.json: polygon "cat" needs 3 points or more. Draw it again, or remove it.',
    ),
    case(
        "unknown type",
        one(shape("cat", kind="blob")),
        errors=(
            'shape 1 of a.json: a shape of the type "blob", which is not known. '
            "Draw it as one of polygon, rectangle, oriented_rectangle, circle, line, "
            "linestrip, point, points, mask."
        ),
    ),
    case(
        "outside",
        one(shape("cat"), shape("dog", [[20, 20], [30, 20], [30, 30]])),
        masks={"a": "11110000"},
        warnings='shape 2 of a.json: polygon "dog" wholly outside the image. Draw it again, or remove it.',
    ),
    case(
        "no area",
        one(shape("cat", RIGHT), shape("dog", [[0, 0], [1, 1], [2, 2]])),
        masks={"a": "22001111"},
        warnings='shape 2 of a.json: polygon "dog" with no area. Draw it again, or remove it.',
    ),
    case(
        "broken JSON",
        text('{"shapes": ['),
        errors=(
            "line 1, column 13 of a.json: a JSON file that is broken (Expecting value). Save it again in labelme, or remove it."
        ),
    ),
    case(
        "empty JSON",
        text(""),
        errors="a.json: a JSON file that is broken (an empty file). Save it again in labelme, or remove it.",
    ),
    case(
        "JSON not in UTF-8",
        text('{"shapes": [], "imagePath": "é.jpg"}'.encode("latin-1")),
        errors="line 1 of a.json: a JSON file that is not in UTF-8. Save it as UTF-8 in a text editor.",
    ),
    case(
        "JSON says a key twice",
        text('{"shapes": [], "shapes": []}'),
        errors=(
            'a.json: a JSON file that says "shapes" twice in one place. '
            "Keep one of the two; a merge of two versions may have left both."
        ),
    ),
    case(
        "JSON of something else",
        steps(one(shape("cat")), lambda r: (r / "settings.json").write_text('{"a": 1}')),
        errors=("settings.json: a JSON file that is not labelme's (it has no list of shapes). Move it out of the folder."),
    ),
    case(
        "photo cut short",
        steps(one(shape("cat")), cut("a.jpg", 300)),
        errors=(
            "a.jpg: not an image that can be read, or its first bytes are damaged. "
            "Replace or remove it; images are .png, .jpg, .jpeg, .tif, .tiff, .bmp, .webp, .gif."
        ),
    ),
    case(
        "empty photo",
        steps(one(shape("cat")), cut("a.jpg", 0)),
        errors=("a.jpg: an empty file. Replace or remove it; images are .png, .jpg, .jpeg, .tif, .tiff, .bmp, .webp, .gif."),
    ),
    case(
        "text called jpg",
        steps(one(shape("cat")), lambda r: (r / "a.jpg").write_text("hello")),
        errors=(
            "a.jpg: not an image that can be read, or its first bytes are damaged. "
            "Replace or remove it; images are .png, .jpg, .jpeg, .tif, .tiff, .bmp, .webp, .gif."
        ),
    ),
    case(
        "another size",
        one(shape("cat"), imageWidth=16, imageHeight=8),
        errors=(
            "a.json: made for an image of 16 x 8 pixels, but the image has 8 x 4. "
            "Bring back the image that was annotated, or annotate this one."
        ),
    ),
    case(
        "off by one",
        one(shape("cat"), imageWidth=8, imageHeight=5),
        errors=(
            "a.json: made for an image of 8 x 5 pixels, but the image has 8 x 4. "
            "Bring back the image that was annotated, or annotate this one."
        ),
    ),
    case(
        "lying on its side",
        one(shape("cat"), orientation=6, imageWidth=8, imageHeight=4),
        errors=(
            "a.json: made for an image of 8 x 4 pixels, but the image has 4 x 8. "
            "It was annotated lying on its side, without regard to EXIF's orientation: annotate it again in "
            "labelme."
        ),
    ),
    case(
        "turned by EXIF",
        one(shape("cat", [[0, 0], [1, 0], [1, 7], [0, 7]]), orientation=6, imageWidth=4, imageHeight=8),
        masks={"a": "1100"},
    ),
    case(
        "no image",
        one(shape("cat"), image=None, imagePath="b.jpg"),
        errors=('a.json: its image "b.jpg" is not in the folder. Put the image beside the JSON file, or remove the file.'),
    ),
    case(
        "image of a kind that is not read",
        steps(one(shape("cat"), image=None, imagePath="a.avif"), lambda r: (r / "a.avif").touch()),
        errors=(
            "a.avif: an AVIF image. Export it as PNG; AVIF is not read.\n"
            'a.json: its image "a.avif" is of a kind that is not read. '
            "Save it under the same name as one of .png, .jpg, .jpeg, .tif, .tiff, .bmp, .webp, .gif."
        ),
    ),
    case(
        "two images of its name",
        steps(one(shape("cat"), image="c.jpg", imagePath="c.jpg"), lambda r: photos(r, "a.jpg", "a.png")),
        errors=(
            "a.json: 2 images have its name (.jpg, .png). "
            "Keep the one that was annotated, and move the others away.\n"
            "3 files: an image without a JSON file. "
            "Annotate it, or set data.unannotated to skip or background.\n"
            "  a.jpg, a.png, c.jpg\n"
            "  params.yaml: data.unannotated: skip"
        ),
    ),
    case(
        "two files for one image",
        steps(one(shape("cat")), lambda r: labelme(r / "b", shape("cat"), image="a.jpg")),
        errors="a.json and b.json: two JSON files for one image, a.jpg. Remove one of the two.",
    ),
    case(
        "same stem in two folders",
        steps(lambda r: labelme(r / "x/a", shape("cat")), lambda r: labelme(r / "y/a", shape("dog"))),
        masks={"x/a": "11110000", "y/a": "22220000"},
    ),
    case(
        "given parts",
        steps(lambda r: labelme(r / "train/a", shape("cat")), lambda r: labelme(r / "val/a", shape("dog"))),
        masks={"train/a": "11110000", "val/a": "22220000"},
    ),
    case("Windows path", one(shape("cat"), image="b.jpg", imagePath="C:\\Users\\me\\b.jpg"), masks={"b": "11110000"}),
    case(
        "path upwards",
        one(shape("cat"), image=None, imagePath="../../../etc/passwd"),
        errors=(
            'a.json: its image "../../../etc/passwd" is not in the folder. '
            "Put the image beside the JSON file, or remove the file."
        ),
    ),
    case(
        "image in a folder beside",
        steps(
            lambda r: photos(r, "images/a.jpg"),
            lambda r: labelme(r / "labels/a", shape("cat"), image=None, imagePath="../images/a.jpg"),
        ),
        masks={"images/a": "11110000"},
    ),
    case("accents in two ways", accents, masks={unicodedata.normalize("NFD", "été 1"): "11110000"}),
    case("blanks and a long name", lambda r: labelme(r / ("a b " * 50), shape("cat")), masks={"a b " * 50: "11110000"}),
    case("image behind a link of DVC's", linked, masks={"a": "11110000"}),
    case(
        "image behind a link that leads out",
        linked_out,
        errors=(
            "a.jpg: a link that leads out of ROOT, where nothing is read or copied. "
            "Copy the folder with the files behind its links, and use the copy: cp -rL ROOT ROOT-copy"
        ),
    ),
    case(
        "image behind a broken link",
        unreadable,
        errors=(
            "a.jpg: a link that leads to nothing. "
            "Bring back what it leads to (`dvc checkout` where DVC made it), or remove it.\n"
            'a.json: its image "a.jpg" is not in the folder. Put the image beside the JSON file, or remove the file.'
        ),
    ),
    case("embedded", one(shape("cat"), image=None, imageData=png(np.arange(96).reshape(4, 8, 3))), masks={"a": "11110000"}),
    case(
        "embedded rubbish",
        one(shape("cat"), image=None, imageData="aGVsbG8="),
        errors="a.json: an imageData that is no image in base64. Put the image file beside the JSON file.",
    ),
    case(
        "hole in a group",
        one(
            shape("cat", [[0, 0], [7, 0], [7, 3], [0, 3]], group_id=1), shape("cat", [[2, 0], [4, 0], [4, 3], [2, 3]], group_id=1)
        ),
        masks={"a": "11000111"},
    ),
    case("ignored", one(shape("cat"), shape("__ignore__", RIGHT)), masks={"a": "1111...."}),
    case(
        "undrawn is ignored",
        one(shape("dog", [[0, 0], [1, 0], [1, 3], [0, 3]]), shape("background", RIGHT)),
        masks={"a": "22..0000"},
        shapes={"undrawn": "ignore"},
    ),
    case(
        "undrawn is ignored, with background in labelme's own word",
        one(shape("_background_", [[0, 0], [5, 0], [5, 3], [0, 3]]), shape("cat", [[2, 0], [3, 0], [3, 3], [2, 3]])),
        masks={"a": "001100.."},
        shapes={"undrawn": "ignore"},
    ),
    case(
        "undrawn is ignored, but not in images without annotation that are background",
        steps(one(shape("cat")), lambda r: photos(r, "b.jpg")),
        masks={"a": "1111....", "b": "00000000"},
        unannotated="background",
        shapes={"undrawn": "ignore"},
    ),
    case("later on top", one(shape("dog"), shape("cat", [[2, 0], [7, 0], [7, 3], [2, 3]])), masks={"a": "22111111"}),
    case(
        "class on top",
        one(shape("dog"), shape("cat", [[2, 0], [7, 0], [7, 3], [2, 3]])),
        masks={"a": "22221111"},
        shapes={"overlap": "priority"},
    ),
    case(
        "smaller on top",
        one(shape("dog"), shape("cat", [[0, 0], [7, 0], [7, 3], [0, 3]])),
        masks={"a": "22221111"},
        shapes={"overlap": "smaller"},
    ),
    case("mask shape", one(shape("cat", [[1, 0], [2, 1]], "mask", mask=png([[255, 0], [0, 255]]))), masks={"a": "01000000"}),
    case(
        "mask shape of another size",
        one(shape("cat", [[1, 0], [6, 3]], "mask", mask=png([[1, 1], [1, 1]]))),
        errors=('shape 1 of a.json: mask "cat" whose pixels do not fit its two corners. Draw it again, or remove it.'),
    ),
    case(
        "mask shape without pixels",
        one(shape("cat", [[1, 0], [6, 3]], "mask", mask=None)),
        errors=('shape 1 of a.json: mask "cat" without pixels: its mask is no PNG in base64. Draw it again, or remove it.'),
    ),
    case(
        "classes merged",
        one(shape("cat"), shape("dog", RIGHT)),
        masks={"a": "11111111"},
        class_map={"cat": "animal", "dog": "animal"},
    ),
    case("class dropped", one(shape("cat"), shape("dog", RIGHT)), masks={"a": "11110000"}, class_map={"dog": "__drop__"}),
    case("class ignored", one(shape("cat"), shape("dog", RIGHT)), masks={"a": "1111...."}, class_map={"dog": "__ignore__"}),
    case(
        "all classes dropped",
        one(shape("cat")),
        errors=("data.class_map: leaves only the class background; 2 to 255 are needed. Take out some of its lines."),
        class_map={"cat": "__drop__", "dog": "__drop__"},
    ),
    case(
        "class_map of a class that is nowhere",
        one(shape("cat")),
        masks={"a": "11110000"},
        warnings=('data.class_map: maps "kat", but no class and no label is called so. Correct its spelling, or take it out.'),
        class_map={"kat": "cat"},
    ),
    case(
        "nothing drawn",
        one(),
        errors=(
            "all annotations: no object in any of them, so there is nothing to learn. "
            "Draw objects, or see what the warnings say of those drawn."
        ),
    ),
    case(
        "empty folder", lambda r: None, errors="ROOT: no annotated images in it. data.source is labelme; does data.path fit it?"
    ),
    case(
        "same picture, other shapes",
        steps(
            one(shape("cat")),
            lambda r: (r / "b.jpg").write_bytes((r / "a.jpg").read_bytes()),
            lambda r: labelme(r / "b", shape("dog"), image=None),
        ),
        masks={"a": "11110000", "b": "22220000"},
        warnings=("2 files: the same picture as another, with another annotation. Keep the right one of them.\n  a.jpg, b.jpg"),
    ),
    case(
        "points of text",
        one(shape("cat", [["0", "0"], ["3", "0"], ["3", "3"]])),
        errors=('shape 1 of a.json: polygon "cat" with points that are no pairs of numbers. Draw it again, or remove it.'),
    ),
    case(
        "points far away",
        one(shape("cat", [[0, 0], [1e9, 0], [3, 3]])),
        errors=('shape 1 of a.json: polygon "cat" with a point more than 1000000 pixels away. Draw it again, or remove it.'),
    ),
    case(
        "group of half a number",
        one(shape("cat", group_id=1.5)),
        errors=(
            'shape 1 of a.json: polygon "cat" with a group_id that is no whole number. Set it again in labelme, or leave it out.'
        ),
    ),
    case(
        "circle of three points",
        one(shape("cat", LEFT[:3], "circle")),
        errors='shape 1 of a.json: circle "cat" needs 2 points. Draw it again, or remove it.',
    ),
    case("circle", one(shape("cat", [[3, 1], [4, 1]], "circle")), masks={"a": "00010000"}),
    case(
        "rotation of X-AnyLabeling",
        one(shape("cat", [[2, 0], [5, 0], [5, 3], [2, 3]], "rotation", direction=1.57, score=None, difficult=False)),
        masks={"a": "00111100"},
    ),
    case(
        "quadrilateral of X-AnyLabeling",
        one(shape("cat", LEFT, "quadrilateral", attributes={}), shape("dog", RIGHT, "rotation", direction=0)),
        masks={"a": "11112222"},
    ),
    case(
        "quadrilateral of three points",
        one(shape("cat", RIGHT), shape("cat", LEFT[:3], "quadrilateral")),
        errors='shape 2 of a.json: quadrilateral "cat" needs 4 points. Draw it again, or remove it.',
    ),
    case(
        "groups of numbers with a point, of text and of nothing",
        one(
            shape("cat", [[0, 0], [7, 0], [7, 3], [0, 3]], group_id=1.0),
            shape("cat", [[2, 0], [4, 0], [4, 3], [2, 3]], group_id=1),
            shape("dog", [[3, 0], [3, 3], [3, 0]], group_id=""),
        ),
        masks={"a": "11020111"},
    ),
    case(
        "label that is NaN",
        one(shape(float("nan")), shape(float("inf"))),
        errors=(
            "2 shapes: a label that is no text. Give the shape its label again in labelme.\n"
            "  shape 1 of a.json, shape 2 of a.json"
        ),
    ),
    case("rectangle", one(shape("cat", [[2, 0], [5, 3]], "rectangle")), masks={"a": "00111100"}),
    case("line of one pixel", one(shape("cat", [[1, 0], [5, 0]], "line")), masks={"a": "01111100"}, shapes={"line_width": 1}),
    case(
        "a list of shapes alone",
        text("[]"),
        errors="a.json: a JSON file that is not labelme's (it has no list of shapes). Move it out of the folder.",
    ),
    case(
        "size that is no number",
        one(shape("cat"), imageWidth="wide"),
        errors="a.json: an imageWidth or imageHeight that is no number. Save it again in labelme.",
    ),
    case(
        "picture beside another folder's JSON",
        steps(one(shape("cat")), lambda r: photos(r, "previews/a.jpg")),
        errors=(
            "previews/a.jpg: an image without a JSON file. "
            "Annotate it, or set data.unannotated to skip or background.\n"
            "  params.yaml: data.unannotated: skip"
        ),
        masks={"a": "11110000"},
    ),
    case("folder called as an image", steps(one(shape("cat")), lambda r: (r / "b.jpg").mkdir()), masks={"a": "11110000"}),
    case(
        "files of a system",
        steps(
            one(shape("cat")),
            lambda r: (r / ".DS_Store").touch(),
            lambda r: (r / "._a.jpg").write_bytes(b"x"),
            lambda r: (r / "Thumbs.db").touch(),
        ),
        masks={"a": "11110000"},
    ),
    case(
        "group table",
        steps(one(shape("cat")), lambda r: (r / "g.csv").write_text("group;image\np1;a.jpg\n")),
        masks={"a": "11110000"},
        groups="g.csv",
    ),
    case(
        "group table of other images",
        steps(one(shape("cat")), lambda r: (r / "g.csv").write_text("image,group\nb.jpg,p1\n")),
        errors=(
            "a.jpg: an image that g.csv does not name. Add a line for it, or set data.groups to none.\n"
            'g.csv, line 2: names "b.jpg", which no image is called. Write the image\'s path below data.path.'
        ),
        groups="g.csv",
    ),
    case(
        "everything at once",
        wrong_everywhere,
        errors=(
            "line 1, column 2 of a.json: a JSON file that is broken (Expecting property name enclosed in double quotes). "
            "Save it again in labelme, or remove it.\n"
            '13 files: a label that data.labelme.classes does not list: "bird". '
            "Add it to data.labelme.classes, map it in data.class_map, or correct it in the files.\n"
            "  label00.json, label01.json, label02.json, label03.json, label04.json, label05.json, "
            "label06.json, label07.json, label08.json, label09.json and 3 more\n"
            "  params.yaml: data.labelme.classes: add bird\n"
            'shape 1 of kind.json: a shape of the type "blob", which is not known. '
            "Draw it as one of polygon, rectangle, oriented_rectangle, circle, line, "
            "linestrip, point, points, mask.\n"
            "13 files: an image without a JSON file. "
            "Annotate it, or set data.unannotated to skip or background.\n"
            "  bare00.jpg, bare01.jpg, bare02.jpg, bare03.jpg, bare04.jpg, bare05.jpg, bare06.jpg, "
            "bare07.jpg, bare08.jpg, bare09.jpg and 3 more\n"
            "  params.yaml: data.unannotated: skip\n"
            'gone.json: its image "gone.jpg" is not in the folder. '
            "Put the image beside the JSON file, or remove the file.\n"
            "size.json: made for an image of 80 x 40 pixels, but the image has 8 x 4. "
            "Bring back the image that was annotated, or annotate this one.\n"
            "cut.jpg: not an image that can be read, or its first bytes are damaged. "
            "Replace or remove it; images are .png, .jpg, .jpeg, .tif, .tiff, .bmp, .webp, .gif.\n"
            'shape 1 of nan.json: polygon "cat" with a point that is NaN or infinite. '
            "Draw it again, or remove it."
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_labelme(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path / "x")
