"""A given list of pairs: what it may look like, and one sentence for each mistake in it."""

from pathlib import Path

import pytest

from segpipe.annotations.formats.masks import pair_table
from segpipe.annotations.formats.masks.mask_files import MaskFile, MaskFiles
from segpipe.annotations.items import Item, ItemList
from segpipe.errors import PipelineError


def write(root: Path, text: str, *files: str) -> Path:
    for file in ("in/a.jpg", "in/b.jpg", "out/1.png", "out/2.png", *files):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    (root / "pairs.csv").write_text(text, encoding="utf-8")
    return root


def found(root: Path, text: str, rule: str = "error") -> list[tuple[str, str, str, str, str]]:
    own = pair_table.find(write(root, text), "pairs.csv", rule)
    assert all(problem.warning for problem in own.problems)
    return [(item.id, item.source, item.annotation_name, item.given, item.group) for item in own.items]


def problems(root: Path, *lines: str, rule: str = "error") -> list[str]:
    text = "\n".join(["image,mask,part,group", *lines])
    return [str(problem) for problem in pair_table.find(write(root, text), "pairs.csv", rule).problems]


@pytest.mark.parametrize(
    "text",
    [
        "image,mask\nin/b.jpg,out/1.png\nin/a.jpg,out/2.png\n",
        "\ufeffimage,mask\r\nin/b.jpg,out/1.png\r\n\r\nin/a.jpg,out/2.png",
        "Mask;other; Image\nout/1.png;x;in/b.jpg\nout/2.png;y;in/a.jpg",
        'image\tmask\n"in/b.jpg"\tout\\1.png\n./in/a.jpg\tout/2.png\n',
    ],
)
def test_commas_semicolons_tabs_and_columns_in_any_order(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, text) == [("in/a", "in/a.jpg", "out/2.png", "", ""), ("in/b", "in/b.jpg", "out/1.png", "", "")]


def test_parts_and_groups_come_along(tmp_path: Path) -> None:
    text = "image,mask,part,group\nin/a.jpg,out/1.png,Valid,patient 1\nin/b.jpg,out/2.png,,\n"
    assert found(tmp_path, text) == [
        ("in/a", "in/a.jpg", "out/1.png", "val", "patient 1"),
        ("in/b", "in/b.jpg", "out/2.png", "", ""),
    ]


def test_images_without_a_mask_follow_the_rule(tmp_path: Path) -> None:
    line = "in/a.jpg,"
    assert problems(tmp_path, line) == [
        "in/a.jpg: an image without a mask. Annotate it, or set data.unannotated to skip or background."
    ]
    assert found(tmp_path, f"image,mask\n{line}\n", "skip") == []
    assert found(tmp_path, f"image,mask\n{line}\n", "background") == [("in/a", "in/a.jpg", "", "", "")]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (",out/1.png", "names no image. Name one, or remove the line."),
        ("in/c.jpg,out/1.png", "names in/c.jpg, which is not there. Correct the path, or remove the line."),
        (
            "in/A.jpg,out/1.png",
            "names in/A.jpg, which is not there; a.jpg differs in upper and lower case only. "
            "Correct the path, or remove the line.",
        ),
        ("in,out/1.png", "names in, which is not there. Correct the path, or remove the line."),
        (f"{'x' * 300}.jpg,out/1.png", f"names {'x' * 300}.jpg, which is not there. Correct the path, or remove the line."),
        ("in/\0.jpg,out/1.png", "names an image outside data.path. Write a path below data.path."),
        ("../in/a.jpg,out/1.png", "names an image outside data.path. Write a path below data.path."),
        ("in/a.jpg,/etc/passwd", "names a mask outside data.path. Write a path below data.path."),
        ("in/a.jpg,C:\\m.png", "names a mask outside data.path. Write a path below data.path."),
        ("in/a.jpg,linked/1.png", "names a mask outside data.path. Write a path below data.path."),
        ("in/a.jpg,out/1.png,dev", 'names the part "dev". Write train, val or test, or nothing.'),
        ("in/a.jpg,in/a.jpg", "names one file as image and as mask. Name the mask of the image."),
        (
            "pairs.csv,out/1.png",
            "names pairs.csv, which is no image by its suffix. Images are .png, .jpg, .jpeg, .tif, .tiff, .bmp, .webp, .gif.",
        ),
    ],
)
def test_a_line_that_cannot_be_followed_is_reported(tmp_path: Path, line: str, sentence: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/1.png").touch()
    (tmp_path / "x").mkdir()
    (tmp_path / "x/linked").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert problems(tmp_path / "x", line) == [f"pairs.csv, line 2: {sentence}"]


def test_one_mask_for_two_images_and_one_image_twice(tmp_path: Path) -> None:
    assert problems(tmp_path, "in/a.jpg,out/1.png", "in/b.jpg,out/1.png") == [
        "pairs.csv, line 3: names the mask of in/a.jpg (line 2) for another image. Name the image's own mask."
    ]
    twice = (
        "pairs.csv, line 3: names the image in/a.jpg a second time, after line 2. "
        "Remove one of the two lines, or add a column class where each mask is of one class."
    )
    assert problems(tmp_path, "in/a.jpg,out/1.png", "in/a.jpg,out/2.png") == [twice]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "its first line names nothing. Write image,mask and, if you have them, class, part and group."),
        ("in/a.jpg,out/1.png\n", "its first line names in/a.jpg, out/1.png. "),
        ("image,mask,mask\n", "its first line names image, mask, mask. "),
        ("image,mask\n\n", "no pair in it. Write a line a pair below the first."),
        ('image,mask\n"a,b\n', "no CSV (unexpected end of data). Write a line a pair, with a first line image,mask."),
    ],
)
def test_a_file_that_is_no_list_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(PipelineError) as caught:
        pair_table.find(write(tmp_path, text), "pairs.csv", "error")
    assert str(caught.value).startswith(f"{tmp_path / 'pairs.csv'}: {sentence}")


@pytest.mark.parametrize("table", ["gone.csv", "../pairs.csv", "/etc/passwd", "in"])
def test_a_list_that_is_not_there_is_refused(tmp_path: Path, table: str) -> None:
    write(tmp_path, "image,mask\n")
    with pytest.raises(PipelineError) as caught:
        pair_table.find(write(tmp_path / "x", ""), table, "error")
    assert str(caught.value) == f"data.masks.pairs: no file {table} in {tmp_path / 'x'}. Write its path below data.path, or none."


def test_text_of_another_code_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "")
    (tmp_path / "pairs.csv").write_bytes("image,mask\ncafé,x".encode("latin-1"))
    with pytest.raises(PipelineError, match="not UTF-8 text"):
        pair_table.find(tmp_path, "pairs.csv", "error")


def by_class(root: Path, *lines: str, rule: str = "error") -> ItemList:
    text = "\n".join(["image,mask,class,part", *lines])
    return pair_table.find(write(root, text, "out/3.png", "out/4.png"), "pairs.csv", rule, ("cat", "dog"))


def test_a_column_class_gives_an_image_a_mask_for_each(tmp_path: Path) -> None:
    found = by_class(
        tmp_path,
        "in/a.jpg,out/2.png,dog,train",
        "in/b.jpg,out/3.png,cat,",
        "in/a.jpg,out/1.png,cat,train",
        "in/a.jpg,out/4.png,cat,train",
    )
    assert found.problems == ()
    assert [(item.source, item.annotation_name, item.given) for item in found.items] == [
        ("in/a.jpg", "out/2.png, out/1.png and out/4.png", "train"),
        ("in/b.jpg", "out/3.png", ""),
    ]
    assert [[(each.name, each.class_name) for each in layers_of(item)] for item in found.items] == [
        [("out/2.png", "dog"), ("out/1.png", "cat"), ("out/4.png", "cat")],
        [("out/3.png", "cat")],
    ]
    assert pair_table.class_names(tmp_path, "pairs.csv") == ("cat", "dog")
    assert pair_table.class_names(write(tmp_path / "x", "image,mask\nin/a.jpg,out/1.png\n"), "pairs.csv") is None


def layers_of(item: Item) -> tuple[MaskFile, ...]:
    assert isinstance(item.annotation, MaskFiles)
    return item.annotation.files


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["in/a.jpg,out/1.png,,"], "line 2: names a mask without its class. Write the class."),
        (
            ["in/a.jpg,out/1.png,cow,"],
            'line 2: names "cow", no class of data.masks.classes. Name the class there, or correct the line.',
        ),
        (
            ["in/a.jpg,out/1.png,cat,", "in/a.jpg,out/1.png,dog,"],
            "line 3: names the mask of line 2 for another class. Name the class's own mask.",
        ),
        (
            ["in/a.jpg,out/1.png,cat,train", "in/a.jpg,out/2.png,dog,val"],
            "line 3: names another part for in/a.jpg than line 2. Write the same in both.",
        ),
        (
            ["in/a.jpg,out/1.png,cat,", "in/b.jpg,out/1.png,cat,"],
            "line 3: names the mask of in/a.jpg (line 2) for another image. Name the image's own mask.",
        ),
    ],
)
def test_lines_of_classes_that_cannot_be_followed_are_reported(tmp_path: Path, lines: list[str], sentence: str) -> None:
    assert list(map(str, by_class(tmp_path, *lines).problems)) == [f"pairs.csv, {sentence}"]


def test_an_image_with_and_without_mask_is_reported(tmp_path: Path) -> None:
    found = by_class(tmp_path, "in/a.jpg,out/1.png,cat,", "in/a.jpg,,,", rule="background")
    assert list(map(str, found.problems)) == [
        "pairs.csv, line 3: names the image in/a.jpg with and without mask, as line 2 shows. Remove the line without mask."
    ]
    assert [item.annotation for item in by_class(tmp_path, "in/b.jpg,,,", rule="background").items] == [None]
