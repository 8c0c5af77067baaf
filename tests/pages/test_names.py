"""Every key of params.yaml and every file that a page names is there."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from segpipe.params.schema import Params
from tests.pages import written
from tests.structure.imports import ROOT

SECTIONS = [key for key, each in Params.model_fields.items() if hasattr(each.annotation, "model_fields")]
KEY = re.compile(rf"(?<![\w./-])(?:{'|'.join(SECTIONS)})(?:\.\w+)+(?!\w*\()")
MAPS = {"data.class_map"}
"""Keys below which the user's own names stand."""
FILE_TYPES = {"md", "json", "yaml", "yml", "lock", "txt", "csv", "onnx", "safetensors", "py", "zip", "html"}
"""`model.onnx` is a file."""
NO_KEYS = {"export.onnx_ms", "export.torch_images_per_s", "model.predict", "model.classes"}
"""Metrics of MLflow, and what the model of `segpipe.load` has."""
PATH = re.compile(r"(?<![\w./-])(?:segpipe|stages|tests|bench|docs|studies)/[\w./-]*\w")
TO_COME = {"segpipe/models/bare.py", "segpipe/losses/brier.py"}
"""Files that a recipe makes."""


def exists(key: str) -> bool:
    """Whether the schema has it."""
    if any(key.startswith(f"{above}.") for above in MAPS):
        return True
    section: type[BaseModel] = Params
    *above, last = key.split(".")
    for word in above:
        inner = section.model_fields[word].annotation if word in section.model_fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return False
        section = inner
    return last in section.model_fields


def keys(page: Path) -> set[str]:
    """What a page's code writes as a key of params.yaml, and the keys of its YAML where a line has a whole one."""
    code = [*written.inline(page), *written.commands(page), *written.blocks(page, "yaml")]
    found = {key for text in code for key in KEY.findall(text)} - NO_KEYS
    return {key for key in found if key.rpartition(".")[2] not in FILE_TYPES}


def nested(page: Path) -> set[str]:
    """The keys of a page's YAML that stand below the name of a section."""
    content = [YAML(typ="safe").load(block) for block in written.blocks(page, "yaml")]
    sections = [(key, value) for each in content if isinstance(each, dict) for key, value in each.items() if key in SECTIONS]
    return {f"{above}.{key}" for above, value in sections if isinstance(value, dict) for key in value}


@pytest.mark.parametrize("page", written.PAGES, ids=written.name)
def test_every_key_that_a_page_names_exists(page: Path) -> None:
    assert {key for key in keys(page) | nested(page) if not exists(key)} == set()


def test_keys_are_seen() -> None:
    assert {"split.join_duplicates", "data.groups"} <= keys(ROOT / "docs/how-to/bring-your-data.md")
    assert [exists(key) for key in ("loss.dice_weight", "data.masks.codes", "loss.dice_wieght", "data.codes", "seed.x")] == [
        True, True, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize("page", written.PAGES, ids=written.name)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = {path for path in PATH.findall(re.sub(r"https?://\S+", "", text)) if "NAME" not in path and path not in TO_COME}
    assert {path for path in named if not (ROOT / path).exists()} == set()
