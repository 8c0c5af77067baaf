"""YAML as plain values: what DVC would refuse is refused, with the line, and what both read alike is read."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from segpipe.errors import PipelineError
from segpipe.params.load import load_params
from segpipe.storage import yaml_mapping
from tests.structure.imports import ROOT

OURS = (ROOT / "params.yaml").read_text(encoding="utf-8")


def written(folder: Path, text: str) -> Path:
    path = folder / "params.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def message(path: Path) -> str:
    """What is said of the file, without its name."""
    with pytest.raises(PipelineError) as caught:
        yaml_mapping.read(path)
    return str(caught.value).replace(str(path), "FILE")


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("a: 1\nb: 2\na: 3\n", ["FILE: a: stands there more than once, in the lines 1 and 3. Keep one of them."]),
        ('seed: 1\n\n# more\n"seed": 2\n', ["FILE: seed: stands there more than once, in the lines 1 and 4. Keep one of them."]),
        ("a:\n  b:\n    c: 1\n    c: 1\n", ["FILE: a.b.c: stands there more than once, in the lines 3 and 4. Keep one of them."]),
        ("a: {b: 1, b: 2}\n", ["FILE: a.b: stands there more than once, in the lines 1 and 1. Keep one of them."]),
        ("- a: 1\n  a: 2\n", ["FILE is a list, and not keys with their values. "]),
        ("a:\n- b: 1\n  b: 2\n", ["FILE: a.b: stands there more than once, in the lines 2 and 3. Keep one of them."]),
        (
            "a: 1\nb: 1\na: 2\nb: 2\na: 3\n",
            [
                "FILE: a: stands there more than once, in the lines 1, 3 and 5. Keep one of them.",
                "FILE: b: stands there more than once, in the lines 2 and 4. Keep one of them.",
            ],
        ),
        ("x: &x\n  a: 1\n  a: 2\ny: *x\n", ["FILE: x.a: stands there more than once, in the lines 2 and 3. Keep one of them."]),
    ],
)
def test_keys_that_stand_twice_are_all_told_with_their_lines(text: str, sentences: list[str], tmp_path: Path) -> None:
    lines = message(written(tmp_path, text)).splitlines()
    assert len(lines) == len(sentences)
    assert all(line.startswith(sentence) for line, sentence in zip(lines, sentences, strict=True))


@pytest.mark.parametrize("key", ["lr", "dice_weight", "epochs"])
def test_a_key_of_params_yaml_that_stands_twice_is_refused_as_dvc_refuses_it(key: str, tmp_path: Path) -> None:
    lines = OURS.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith(f"  {key}: "))
    lines.insert(at + 1, lines[at])
    path = written(tmp_path, "\n".join(lines))
    with pytest.raises(PipelineError, match=rf"\.{key}: stands there more than once, in the lines {at + 1} and {at + 2}\."):
        load_params(path)
    with pytest.raises(Exception, match="found duplicate key"):
        YAML(typ="safe").load(path)


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\nb: {a: 1}\nc:\n- a: 1\n- a: 1\n",
        "x: &x {a: 1}\ny:\n  <<: *x\n  a: 2\n",
        "---\na: 1\n...\n",
        "%YAML 1.2\n---\na: 1\n",
        "\ufeffa: 1\n",
        "a: &a [1]\nb: *a\n",
    ],
)
def test_what_dvc_reads_is_read_and_alike(text: str, tmp_path: Path) -> None:
    assert yaml_mapping.read(written(tmp_path, text)) == YAML(typ="safe").load(text)


BRING_BACK = "Bring it back with `git checkout FILE`, or copy the project's own."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", f"FILE is empty: it holds no key. {BRING_BACK}"),
        ("# seed: 42\n\n# nothing else\n", f"FILE is empty: it holds no key. {BRING_BACK}"),
        ("---\n", f"FILE is empty: it holds no key. {BRING_BACK}"),
        ("~\n", f"FILE is empty: it holds no key. {BRING_BACK}"),
        ("- seed\n- 42\n", f"FILE is a list, and not keys with their values. {BRING_BACK}"),
        ("[]\n", f"FILE is a list, and not keys with their values. {BRING_BACK}"),
        ("seed\n", f"FILE is a single value, and not keys with their values. {BRING_BACK}"),
        ("0\n", f"FILE is a single value, and not keys with their values. {BRING_BACK}"),
        (
            "a:\n\tb: 1\n",
            "FILE cannot be read as YAML: a tab where spaces must stand (line 2). Put spaces in its place.",
        ),
        (
            "a:\n  b: 1\n\t  c: 2\n",
            "FILE cannot be read as YAML: a tab where spaces must stand (line 3). Put spaces in its place.",
        ),
        (
            "a: 1\n---\na: 2\n",
            "FILE cannot be read as YAML: another document begins in it (line 2). Keep one, and take out the line of ---.",
        ),
        (
            "a: 1\n  b: 2\n",
            "FILE cannot be read as YAML: mapping values are not allowed here (line 2). Mend that line: KEY: VALUE, "
            "indented by spaces.",
        ),
        (
            "a: !!python/name:os.system\n",
            "FILE cannot be read as YAML: could not determine a constructor for the tag "
            "'tag:yaml.org,2002:python/name:os.system' (line 1). Write plain values, without tags (!).",
        ),
    ],
)
def test_what_is_no_mapping_is_told_in_a_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    assert message(written(tmp_path, text)) == sentence


def test_other_encodings_and_folders_have_their_sentence(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes("seed: 42  # für alle\n".encode("latin-1"))
    assert message(tmp_path / "params.yaml") == "FILE: not UTF-8 text. Save it as UTF-8."
    (tmp_path / "folder.yaml").mkdir()
    assert message(tmp_path / "folder.yaml").startswith("FILE cannot be read (Is a directory). ")
    assert message(tmp_path / "none.yaml") == "FILE: no such file. Run this in the folder that holds none.yaml."
