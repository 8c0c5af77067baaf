"""The papers of the project: they can be read, name what there is, and agree with pyproject.toml and the packages installed."""

import json
import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from segpipe.cli.main import app
from segpipe.models import bundled
from segpipe.workflows.doctor_report import WHERE_TO_PASTE
from tests.structure.imports import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
INPUTS = {"textarea", "input", "dropdown", "checkboxes"}
WEIGHTS = (".pth", ".pt", ".safetensors", ".onnx", ".h5", ".tflite")
FEWEST_BYTES = 2**20
"""Below this, a file of such a name is an example or a test."""
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def yaml_of(name: str) -> Any:
    return yaml.safe_load(text(name))


def test_the_citation_has_what_its_form_asks_for() -> None:
    """CFF 1.2.0: these keys must be there; `cffconvert --validate` holds the file against the schema."""
    citation = yaml_of("CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["cff-version"] == "1.2.0" and citation["type"] == "software"
    assert citation["authors"] and all(author.get("name") for author in citation["authors"])
    assert citation["title"] == PROJECT["name"] and citation["license"] == PROJECT["license"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", str(citation["date-released"]))


def test_the_version_is_the_same_everywhere() -> None:
    headings = re.findall(r"^## \[(.+?)\](?: - (\S+))?$", text("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == ("Unreleased", "")
    version, date = headings[1]
    citation = yaml_of("CITATION.cff")
    assert {version, citation["version"]} == {PROJECT["version"]}
    assert date == str(citation["date-released"])


def test_the_changelog_has_the_sections_of_its_form() -> None:
    sections = set(re.findall(r"^### (.+)$", text("CHANGELOG.md"), re.MULTILINE))
    assert sections and sections <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security", "Results"}


def test_notice_names_every_dependency_with_weights() -> None:
    """Those that are installed, found by their files, and those of the extras, by the table of bundled weights."""
    shipping = {
        (distribution.name, distribution.version)
        for distribution in metadata.distributions()
        for file in distribution.files or ()
        if file.suffix in WEIGHTS and size(Path(str(file.locate()))) > FEWEST_BYTES
    }
    ours = {(package.name, package.version) for package in bundled.PACKAGES.values()}
    named = re.findall(r"^(\w+) (\d[\d.]*)$", text("NOTICE"), re.MULTILINE)
    assert shipping
    assert {(canonical(name), version) for name, version in named} == {(canonical(each), at) for each, at in shipping | ours}


def size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def canonical(name: str) -> str:
    return name.replace("_", "-").lower()


def test_notice_says_the_licence_that_the_package_holds() -> None:
    """Of the one that is a dependency; its metadata says UNKNOWN, its LICENSE does not."""
    package = bundled.PACKAGES["tu-efficientnet_lite0"]
    (licence,) = [file for file in metadata.files(package.name) or () if file.name == "LICENSE"]
    first, _, holder, *_ = Path(str(licence.locate())).read_text(encoding="utf-8").splitlines()
    assert "Apache" in first and bundled.LICENCE == "Apache-2.0"
    entry = text("NOTICE").split(f"{package.name} {package.version}")[1].partition("\n\n")[0]
    assert f"{holder}. Apache License 2.0." in entry


def test_before_a_commit_run_the_tools_that_make_lint_runs() -> None:
    (repo,) = yaml_of(".pre-commit-config.yaml")["repos"]
    assert repo["repo"] == "local"  # another one would pin versions a second time
    commands = {hook["id"]: hook["entry"].split() for hook in repo["hooks"]}
    assert commands.keys() == {"ruff", "ruff-format", "lint-imports"}
    assert all(hook["language"] == "system" for hook in repo["hooks"])
    linted = re.search(r"^lint: .*\n((?:\t.*\n)+)", text("Makefile"), re.MULTILINE)
    assert linted
    for program, *arguments in commands.values():
        assert (ROOT / program).is_file()
        first = " ".join([Path(program).name, *[each for each in arguments if not each.startswith("-")]])
        assert f"$(BIN)/{first}" in linted[1]


def test_the_container_is_set_up_as_a_checkout_is() -> None:
    container = json.loads(text(".devcontainer/devcontainer.json"))
    target = container["postCreateCommand"].removeprefix("make ")
    assert re.search(rf"^{target}:", text("Makefile"), re.MULTILINE)
    version = re.search(r"python:(\d+\.\d+)-", container["image"])
    assert version and version[1] == "3.11" and PROJECT["requires-python"].startswith(">=3.11")


@pytest.mark.parametrize("form", [form for form in FORMS if form.name != "config.yml"], ids=lambda form: form.name)
def test_a_form_has_what_github_asks_for(form: Path) -> None:
    content = yaml.safe_load(form.read_text(encoding="utf-8"))
    assert content["name"] and content["description"]
    fields = [field for field in content["body"] if field["type"] != "markdown"]
    assert fields and {field["type"] for field in content["body"]} <= INPUTS | {"markdown"}
    assert all(field["attributes"]["label"] for field in fields)
    identifiers = [field["id"] for field in fields]
    assert len(set(identifiers)) == len(identifiers) and all(re.fullmatch(r"[\w-]+", each) for each in identifiers)


def test_the_form_for_a_bug_asks_for_the_report() -> None:
    form = yaml_of(".github/ISSUE_TEMPLATE/bug.yml")
    assert f'"{form["name"]}"' in WHERE_TO_PASTE
    (field,) = [field for field in form["body"] if field.get("id") == "doctor-report"]
    assert field["validations"]["required"] and "`segpipe doctor-report`" in field["attributes"]["label"]
    assert yaml_of(".github/ISSUE_TEMPLATE/config.yml")["blank_issues_enabled"] is False


@pytest.mark.parametrize(
    "name",
    ["SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "CODE_OF_CONDUCT.md", "NOTICE", ".github/PULL_REQUEST_TEMPLATE.md"]
    + [form.relative_to(ROOT).as_posix() for form in FORMS],
)
def test_what_the_papers_name_is_there(name: str) -> None:
    """Commands, targets of make, files that are linked, and files of the source."""
    content = text(name)
    assert set(re.findall(r"`segpipe ([a-z-]+)", content)) <= COMMANDS.keys()
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", content)) <= targets
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", content) if not link.startswith("http")]
    source = re.findall(r"\b((?:segpipe|docs|tests)/[\w/.-]+\.(?:py|md))", content)
    examples = {"segpipe/models/NAME.py", "segpipe/losses/NAME.py"}
    assert [path for path in [*links, *source] if path not in examples and not (ROOT / path).exists()] == []
    assert "@" not in content  # no address that nobody reads


def test_line_ends_stay_as_they_are() -> None:
    assert "* -text" in text(".gitattributes").splitlines()
