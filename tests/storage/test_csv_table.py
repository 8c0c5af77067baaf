"""Tables: no text of them is a formula in any spreadsheet, and whatever goes in comes back."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segpipe.storage.csv_table import csv_rows, csv_text, unguarded

# Without the carriage return, which not every Python puts into quotes: the doctor refuses it in names.
TEXT = st.text(st.sampled_from("=+-@';,\"\t\n a1.e\uff1d"), max_size=8)


@given(st.lists(TEXT, min_size=1, max_size=4))
def test_any_text_comes_back_and_none_is_a_formula(tmp_path_factory: pytest.TempPathFactory, row: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "table.csv"
    head = [f"column{number}" for number in range(len(row))]
    path.write_bytes(csv_text(head, [row]).encode())
    assert list(csv_rows(path)[0].values()) == row


@pytest.mark.parametrize("text", ["=1", "+a", "-1+1", "@x", "\tx", "a;=1", "\uff1dx", "a\t@x"])
def test_formulas_get_an_apostrophe(text: str) -> None:
    _, cell = csv_text(["name"], [[text]]).split("\n", 1)
    assert not re.search(r"(^|[;\t])[=+\-@\t\uff1d]", cell.strip('"\n'))
    assert unguarded(cell.rstrip("\n")) == text


@pytest.mark.parametrize("number", [-0.5, -3, "-0.5", "-1e-05", "+7", "-inf"])
def test_numbers_stay_numbers(number: object) -> None:
    assert csv_text(["value"], [[number]]) == f"value\n{number}\n"


@pytest.mark.parametrize("content", ["", "a,b\n1\n", 'a\n"b', f"a\n{'b' * 200_000}\n"])
def test_another_programs_file_is_a_value_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "table.csv").write_text(content)
    with pytest.raises(ValueError, match=r"."):
        csv_rows(tmp_path / "table.csv")
