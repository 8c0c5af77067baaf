"""The examples and their steps, from the YAML files beside this one: commands, edits of params.yaml, and work by hand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from segpipe.storage.yaml_mapping import read as read_yaml

FOLDER = Path(__file__).parent
NAMES = ("medical", "satellite", "polygons")


@dataclass(frozen=True)
class Step:
    """One thing that a person does: a command for the shell, keys of params.yaml to set, or work by hand.

    `say` tells what it is for. `by_hand` names a function of the example's maker, which stands in for a person.
    """

    say: str
    run: str
    set: Mapping[str, Any]
    by_hand: str

    def shown(self) -> str:
        """What the person would type or write."""
        if self.run:
            return f"$ {self.run}"
        if self.by_hand:
            return f"# by hand: {self.by_hand}"
        return f"# params.yaml\n{yaml.safe_dump(_nested(self.set), sort_keys=False)}".rstrip()


@dataclass(frozen=True)
class Example:
    """An example: a title, the maker of its data by the name of its file here, and its steps in their order."""

    name: str
    title: str
    data: str
    steps: tuple[Step, ...]

    def make_data(self, folder: Path) -> None:
        """Makes its data in the folder."""
        self._maker().make(folder)

    def hand(self, name: str) -> Callable[[Path], str]:
        """What stands in for a person: changes the project in a folder and says what was done."""
        return getattr(self._maker(), name)

    def _maker(self) -> Any:
        return import_module(f"{__package__}.{self.data}")


def read(name: str) -> Example:
    """The example of that name, one of NAMES."""
    content = read_yaml(FOLDER / f"{name}.yaml")
    steps = [
        Step(each.get("say", ""), each.get("run", ""), each.get("set", {}), each.get("by_hand", "")) for each in content["steps"]
    ]
    return Example(name, content["title"], content["data"], tuple(steps))


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted keys as the sections that they stand in."""
    found: dict[str, Any] = {}
    for dotted, value in values.items():
        *sections, key = dotted.split(".")
        section = found
        for each in sections:
            section = section.setdefault(each, {})
        section[key] = value
    return found
