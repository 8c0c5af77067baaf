"""A study's YAML file as a typed, frozen Study; all that is wrong with it is told at once, in sentences."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from segpipe.errors import PipelineError
from segpipe.params.messages import all_sentences
from segpipe.params.overrides import leaves
from segpipe.params.schema import Count, Section
from segpipe.storage.yaml_mapping import read as read_yaml

EXAMPLE = "one of the project's own in studies"
NAME = re.compile(r"[a-z0-9_]+")
Score = Literal[
    "miou",
    "miou_objects",
    "dice",
    "dice_all",
    "pixel_accuracy",
    "precision",
    "recall",
    "dice_per_image",
    "map",
    "boundary_f",
    "surface_dice",
]
"""Those of which more is better, up to 1: what a verdict can be about."""
LABEL = re.compile(r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*")
"""What Git takes as part of a name."""
OWN_KEYS = {"folds": "folds", "train.seed": "seeds"}
"""Keys of params.yaml that a study sets by a key of its own."""


class StudyKeys(Section):
    """What stands in the file. Overrides are by dotted name; sections may be nested, too."""

    title: str = Field(min_length=1)
    base: dict[str, Any] = Field(default={})
    axis: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(default={})
    arms: dict[str, dict[str, Any]] = Field(default={})
    seeds: tuple[Count, ...] = Field(min_length=1)
    folds: tuple[Count, ...] = Field(min_length=1)
    score: Score
    part: Literal["val", "test"]

    @model_validator(mode="after")
    def _keys_agree(self) -> Self:
        problems = []
        if bool(self.axis) == bool(self.arms):
            problems.append("axis, arms: a study has one of them. Write keys with their values, or arms by their names.")
        for name, values in (("seeds", self.seeds), ("folds", self.folds)):
            if len(set(values)) < len(values):
                problems.append(f"{name}: a number stands there twice. Name each once.")
        problems += [
            f"arms: {label!r} cannot be part of an experiment's name. Take letters, digits and . _ + - alone."
            for label in self.arms
            if not LABEL.fullmatch(label)
        ]
        places = [("base", self.base), ("axis", self.axis), *((f"arms.{name}", own) for name, own in self.arms.items())]
        for place, overrides in places:
            keys = dict(leaves(overrides)) if place != "axis" else overrides
            problems += [
                f"{place}: {key} is set by the study's own key {own}. Take it out here."
                for key, own in OWN_KEYS.items()
                if key in keys
            ]
            if shared := sorted(keys.keys() & self.axis.keys()) if place == "base" else []:
                problems.append(f"base: {', '.join(shared)} is an axis. Take it out here.")
        if problems:
            raise ValueError("\n".join(problems))
        return self


class Study(StudyKeys):
    """The file's keys with the study's name, which is the file's, and overrides by dotted name."""

    name: str


def read(path: Path) -> Study:
    """Reads and checks a study's file; whether its keys and values fit params.yaml, `arms` finds out.

    Raises PipelineError that names every problem, one a line.
    """
    content = read_yaml(path)
    if not NAME.fullmatch(path.stem):
        # Experiments are called after it: a hyphen could make those of two studies the same.
        raise PipelineError(f"{path}: experiments are called after the file. Name it by small letters, digits and _ alone.")
    try:
        keys = StudyKeys.model_validate(content)
    except ValidationError as error:
        raise PipelineError("\n".join(f"{path}: {line}" for line in all_sentences(error, StudyKeys, (), EXAMPLE))) from None
    flat = {"base": dict(leaves(keys.base)), "arms": {label: dict(leaves(own)) for label, own in keys.arms.items()}}
    return Study.model_validate(keys.model_dump() | flat | {"name": path.stem})
