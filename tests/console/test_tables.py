"""A table is plain, whole text in a pipe, fits a terminal, and prints every name as it is."""

import io
import sys

import pytest

from segpipe.console.tables import format_table


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch, term: str = "xterm-256color") -> None:
    """Makes stdout a terminal of 40 columns; in the test itself, since pytest sets stdout anew after its fixtures."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(sys, "stdout", Terminal())


def test_names_stand_left_and_numbers_right() -> None:
    assert format_table([["road", "97.1 %", "8"], ["bicycle", "2.9 %", "12"]], ["class", "pixels", "images"]).splitlines() == [
        "class    pixels  images",
        "road     97.1 %       8",
        "bicycle   2.9 %      12",
    ]


def test_as_many_columns_stand_left_as_asked() -> None:
    assert format_table([["a", "b", "1"], ["aa", "bb", "11"]], n_left=2).splitlines() == ["a   b    1", "aa  bb  11"]
    assert format_table([["1", "2"], ["11", "22"]], n_left=0).splitlines() == [" 1   2", "11  22"]


def test_a_name_and_value_list_has_no_head_and_no_blanks_at_the_end() -> None:
    assert format_table([["fold", "0"], ["device", "cpu, 2 threads"]], n_left=2) == "fold    0\ndevice  cpu, 2 threads"


def test_without_rows_there_is_the_head() -> None:
    assert format_table([], ["class", "pixels"]) == "class  pixels"


def test_in_a_pipe_nothing_is_cut_wrapped_or_coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    long = "word " * 2000 + "end"
    assert format_table([[long, "1"]], ["class", "pixels"]).splitlines() == [
        "class".ljust(len(long) + 2) + "pixels",
        f"{long}       1",
    ]


@pytest.mark.parametrize("name", ["[red]road[/red]", "[/]", "[link=x]", ":smile:", "a\\[b", "  indented"])
def test_markup_is_printed_as_it_stands(name: str) -> None:
    assert format_table([[name, "1"]]) == f"{name}  1"


def test_control_characters_are_written_out() -> None:
    assert format_table([["a\x1b[31m\r\nb\u2028", "1"]]) == "a\\x1b[31m\\r\\nb\\u2028  1"


def test_wide_characters_take_two_columns() -> None:
    first, second = format_table([["道路", "1"], ["road", "22"]]).splitlines()
    assert (first, second) == ("道路   1", "road  22")


def test_on_a_terminal_the_head_is_bold_and_long_cells_are_wrapped_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    on_terminal(monkeypatch)
    lines = format_table([["versions", "torch " * 20]], ["name", "value"], n_left=2).splitlines()
    assert "\x1b[1mname" in lines[0]
    assert max(map(len, lines[1:])) <= 40
    assert "".join(lines[1:]).count("torch") == 20


def test_a_word_wider_than_the_terminal_is_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    on_terminal(monkeypatch)
    lines = format_table([["code", "0123456789abcdef" * 4]], n_left=2).splitlines()
    assert "".join(line[6:] for line in lines) == "0123456789abcdef" * 4


def test_a_terminal_without_colours_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    on_terminal(monkeypatch, "dumb")
    assert "\x1b" not in format_table([["a", "1"]], ["class", "pixels"])


def test_what_asks_for_colours_changes_nothing_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a notebook's kernel does, for all that it starts."""
    plain = format_table([["road", "1"]], ["class", "images"])
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert format_table([["road", "1"]], ["class", "images"]) == plain == "class  images\nroad        1"
