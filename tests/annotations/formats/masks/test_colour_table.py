"""Tables that name the colours of masks."""

from pathlib import Path

import pytest

from segpipe.annotations.formats.masks.codes import colour_code
from segpipe.annotations.formats.masks.colour_table import ColourTable, read
from segpipe.errors import PipelineError

ANIMAL, CAR = colour_code(64, 128, 64), colour_code(192, 0, 128)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("label_colors.txt", "64 128 64\tAnimal\r\n192 0 128\t\tmy car\r\n0 0 0 Void\r\n"),
        ("class_dict.csv", "\ufeffname,r,g,b\nAnimal,64,128,64\nmy car,192,0,128\nVoid,0,0,0\n"),
        ("class_dict.csv", "Animal, 64, 128, 64\nmy car, 192, 0, 128\n\nVoid, 0, 0, 0\n"),
        ("labelmap.txt", "# label:color_rgb:parts:actions\nAnimal:64,128,64::\nmy car:192,0,128:a,b:\nVoid:0,0,0::\n"),
    ],
)
def test_the_usual_tables_are_read(tmp_path: Path, file: str, text: str) -> None:
    assert read(tmp_path) is None
    (tmp_path / file).write_text(text, encoding="utf-8")
    assert read(tmp_path) == ColourTable(file, {ANIMAL: "Animal", CAR: "my car", 0: "Void"})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("64 128 64 a\n1 2 b\n", '"1 2 b" is no colour with a name. Write 64 128 64 animal, or rename the file.'),
        ("64 128 264 a\n1 2 3 b\n", '"64 128 264 a" is no colour with a name. Write 64 128 64 animal, or rename the file.'),
        ("64 128 64 a\n64 128 64 b\n", '"64 128 64 b" repeats a colour or a name. Write each once, or rename the file.'),
        ("64 128 64 a\n1 2 3 a\n", '"1 2 3 a" repeats a colour or a name. Write each once, or rename the file.'),
        ("1 2 3 a\n", "names 1 colours. Write one a line, such as 64 128 64 animal, or rename the file."),
        ("1 2 3 a\x1b[2J\n4 5 6 b\n", '"1 2 3 a\\x1b[2J" is no colour with a name. Write 64 128 64 animal, or rename the file.'),
    ],
)
def test_other_lines_are_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "label_colors.txt"
    path.write_text(text)
    with pytest.raises(PipelineError) as caught:
        read(tmp_path)
    assert str(caught.value) == f"{path}: {sentence}"
