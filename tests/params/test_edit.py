"""Values written into params.yaml: comments stay, every reader of YAML reads the same, and nothing invalid is written."""

import io
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from segpipe.errors import PipelineError
from segpipe.params.edit import Change, edited, reads_as_itself, write
from segpipe.params.load import load_params

OWN = (Path(__file__).parents[2] / "params.yaml").read_text(encoding="utf-8")
NEW = {
    "data.source": "masks",
    "data.path": "/home/somebody/with a long name/and a folder far below/that makes the line longer than its comment's column",
    "data.masks.classes": ["sky", "road", "car"],
    "data.masks.ignore_index": 11,
    "folds": [0, 2],
    "optim.lr": 0.0005,
}
SMALL = "names:  # all\n- a\nname: b  # one\n"
# Words that YAML 1.1 or 1.2, or both, take for something else, or that end a plain word.
WORDS = "no yes on off Yes NO null Null ~ true False 7 007 0o17 0x1f 1_000 1e3 1e-4 1.0 .inf .nan 12:30:00 2001-01-01 = << - ?"
STARTS = [" a", "#a", "- a", "[a", "{a", "@a", "%a", "&a", "*a", "!a", "|", ">", "'a", '"a']
TRAPS = [*WORDS.split(), *STARTS, "", " ", "a ", "a: b", "a #b", "a\tb", "a\nb"]


def comments(text: str) -> list[str]:
    return [line.split("#", 1)[1] for line in text.splitlines() if "#" in line]


def both(text: str) -> Any:
    """What PyYAML and DVC's reader make of it, where they agree."""
    first, second = yaml.safe_load(text), YAML(typ="safe", pure=True).load(io.StringIO(text))
    assert first == second
    return first


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_text(OWN, encoding="utf-8")
    return tmp_path / "params.yaml"


def test_without_a_change_not_a_byte_changes() -> None:
    assert edited(OWN, {}) == (OWN, [])
    same = both(OWN)["data"]["masks"]["classes"]
    assert edited(OWN, {"data.masks.classes": tuple(same), "seed": both(OWN)["seed"]}) == (OWN, [])


def test_values_change_and_nothing_else_does() -> None:
    text, changes = edited(OWN, NEW)
    expected = both(OWN)
    expected["data"] |= {"source": "masks", "path": NEW["data.path"]}
    expected["data"]["masks"] |= {"classes": ["sky", "road", "car"], "ignore_index": 11}
    expected |= {"folds": [0, 2]}
    expected["optim"]["lr"] = 0.0005
    assert both(text) == expected
    assert [change.key for change in changes] == list(NEW)
    assert comments(text) == comments(OWN)
    assert "  path: /home/somebody/with a long name/" in text, "a long path stays on its line"


def test_lists_stand_in_block_style_under_their_comment() -> None:
    text, _ = edited(OWN, {"data.masks.classes": ["sky", "road"], "folds": [0, 1]})
    before, after = OWN.splitlines(), text.splitlines()
    at = next(number for number, line in enumerate(after) if line == "    - sky")
    masks = next(number for number, line in enumerate(before) if line.startswith("  masks:"))
    assert after[at - 1] == before[masks + 1]
    assert after[at + 1 : at + 3] == ["    - road", before[masks + 4]]
    at = after.index("- 1")
    assert [line.split("#")[0].strip() for line in after[at + 1 : at + 3]] == ["", "data:"], (
        "the empty line after a list stays after it"
    )


def test_a_list_in_flow_style_becomes_a_block() -> None:
    flow = "folds: [0, 1]  # which\nseed: 1\n"
    assert both(edited(flow, {"folds": [0, 1, 2]})[0]) == {"folds": [0, 1, 2], "seed": 1}
    assert "- 2\n" in edited(flow, {"folds": [0, 1, 2]})[0]
    assert comments(edited(flow, {"folds": [0, 1, 2]})[0]) == [" which"]


def test_comments_of_items_stay_with_their_items() -> None:
    text = "names:  # all\n- a  # first\n- b  # second\n\n# below\nseed: 1\n"
    assert edited(text, {"names": ["a", "c", "d"]})[0] == "names:  # all\n- a  # first\n- c\n- d\n\n# below\nseed: 1\n"
    assert edited(text, {"names": ["c"]})[0] == "names:  # all\n- c\n\n# below\nseed: 1\n"


@pytest.mark.parametrize("word", TRAPS)
def test_words_that_yaml_would_misread_are_quoted(word: str) -> None:
    assert not reads_as_itself(word)
    text, _ = edited(SMALL, {"names": ["background", word], "name": word})
    assert both(text) == {"names": ["background", word], "name": word}


@pytest.mark.parametrize(
    "word", ["car", "tv/monitor", "potted plant", "_background_", "__ignore__", "Straße", "nothing", "1a", "class_1"]
)
def test_common_words_stay_without_quotes(word: str) -> None:
    assert reads_as_itself(word)
    assert f"\n- {word}\n" in edited(SMALL, {"names": ["sky", word]})[0]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(max_size=8) | st.sampled_from(TRAPS), min_size=1, max_size=4), st.text(max_size=12))
def test_any_text_is_read_back_by_both_readers(names: list[str], name: str) -> None:
    text, _ = edited(SMALL, {"names": names, "name": name})
    assert both(text) == {"names": names, "name": name}


def test_a_map_stands_in_block_style_under_its_comment() -> None:
    text, changes = edited(OWN, {"data.class_map": {"Cat": "cat"}})
    assert "  class_map:              # old name: new name" in text
    assert "\n    Cat: cat\n  max_ignored:" in text
    assert [str(change) for change in changes] == ["data.class_map: {} -> Cat: cat"]
    more, _ = edited(text, {"data.class_map": {"Cat": "cat", "no": "yes", "7": "null"}})
    assert both(more)["data"]["class_map"] == {"Cat": "cat", "no": "yes", "7": "null"}
    assert comments(more) == comments(OWN)
    assert edited(more, {"data.class_map": {"Cat": "cat", "no": "yes", "7": "null"}}) == (more, [])
    assert both(edited(more, {"data.class_map": {}})[0])["data"]["class_map"] == {}


def test_comments_of_lines_stay_with_them_when_lines_are_added() -> None:
    text = "map:  # which\n  a: b  # first\n  c: d  # second\n\n# of x\nx: 1\n"
    more, _ = edited(text, {"map": {"a": "b", "c": "d", "no": "e"}})
    assert more == 'map:  # which\n  "no": e\n  a: b  # first\n  c: d  # second\n\n# of x\nx: 1\n'


@settings(deadline=None, max_examples=40)
@given(st.dictionaries(st.text(max_size=8) | st.sampled_from(TRAPS), st.text(max_size=8) | st.sampled_from(TRAPS), max_size=3))
def test_any_map_is_read_back_by_both_readers(names: dict[str, str]) -> None:
    assert both(edited("names: {}\nname: x\n", {"names": names})[0]) == {"names": names, "name": "x"}


def test_a_change_is_one_line() -> None:
    assert str(Change("data.source", "sample", "masks")) == "data.source: sample -> masks"
    assert str(Change("folds", [0], [0, 1])) == "folds: 0 -> 0, 1"
    assert str(Change("names", [], list("abcdefgh"))) == "names:  -> a, b, c, d, e, f, ... (8)"


def test_a_key_that_is_not_there_is_refused(file: Path) -> None:
    for key in ("data.masks.colour", "nowhere.classes", "sead"):
        with pytest.raises(PipelineError) as caught:
            write(file, {"seed": 1, key: 2})
        assert str(caught.value) == f"params.yaml: {key} is missing. Take the line from the project's own params.yaml."
    assert file.read_text() == OWN


def test_the_file_is_written_only_when_it_would_load(file: Path) -> None:
    assert [str(change) for change in write(file, {"seed": 7})] == [f"seed: {both(OWN)['seed']} -> 7"]
    assert load_params(file).seed == 7
    before = file.read_text()
    with pytest.raises(PipelineError) as caught:
        write(file, {"data.masks.classes": ["alone"], "seed": 8})
    first, second = str(caught.value).splitlines()
    assert first == f"{file} was not changed, since then:"
    assert second.startswith(f"{file}: data.masks.classes: ")
    assert file.read_text() == before
    assert list(file.parent.iterdir()) == [file]


def test_nothing_is_written_without_a_change(file: Path) -> None:
    before = file.stat().st_mtime_ns
    assert write(file, {"data.source": both(OWN)["data"]["source"]}) == []
    assert file.stat().st_mtime_ns == before
