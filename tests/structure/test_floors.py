"""The floors: few modules lie flat, the picture in the docs is the contract, and a shell is no longer than a shell."""

import re
import tomllib

import pytest

from tests.structure.imports import ROOT, modules

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
DESIGN = (ROOT / "docs/explanation/design.md").read_text(encoding="utf-8")
MOST_FLAT = 8
LONGEST_SHELL = 40
SHELLS = ("stages.", "segpipe.cli.")
LIST_OF_COMMANDS = "segpipe.cli.main"


def floors(lines: list[str]) -> list[set[str]]:
    """What stands on each floor."""
    return [set(line.replace(" ", "").split("|")) for line in lines]


def test_the_picture_shows_the_contract() -> None:
    picture = re.search(r"## The floors.*?```\n(.*?)```", DESIGN, re.DOTALL)
    assert picture
    shown = floors([re.split(r" {2,}", line)[0] for line in picture[1].splitlines()])
    assert shown[0] == {"stages", "cli"}
    assert [shown[0] - {"stages"}, *shown[1:]] == floors(CONTRACTS[0]["layers"])


def test_each_floor_is_said_to_be_for_something() -> None:
    picture = re.search(r"## The floors.*?```\n(.*?)```", DESIGN, re.DOTALL)
    assert picture
    assert all(len(re.split(r" {2,}", line)) == 2 for line in picture[1].splitlines())


def test_the_floors_hold_everything_there_is() -> None:
    """import-linter refuses what no floor names, as long as it is told to."""
    assert CONTRACTS[0]["containers"] == ["segpipe"] and CONTRACTS[0]["exhaustive"] is True
    rooms = {module.split(".")[1] for module in modules() if module.startswith("segpipe.")}
    assert rooms == set.union(*floors(CONTRACTS[0]["layers"]))
    inner = next(each for each in CONTRACTS if each.get("containers") == ["segpipe.annotations"])
    assert inner["exhaustive"] is True


def test_few_modules_lie_flat() -> None:
    flat = [module for module in modules() if module.count(".") == 1 and module.startswith("segpipe.")]
    assert len(flat) <= MOST_FLAT, flat


@pytest.mark.parametrize("module", [module for module in modules() if module.startswith(SHELLS) and module != LIST_OF_COMMANDS])
def test_a_stage_or_command_is_a_shell(module: str) -> None:
    """But for the list of all commands, which grows with them."""
    file = ROOT / f"{module.replace('.', '/')}.py"
    assert len(file.read_text(encoding="utf-8").splitlines()) <= LONGEST_SHELL
