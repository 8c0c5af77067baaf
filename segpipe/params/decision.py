"""From probabilities to class ids, as data: the rule and the steps that follow, resolved. A model's card holds one."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

Rule = Literal["argmax", "threshold", "dice"]
StepName = Literal["open", "close", "fill_holes", "remove_small", "keep_largest"]


@dataclass(frozen=True)
class Step:
    """One step of post-processing (`inference/postprocess.py`): its name, its number (0 where it takes none), its classes."""

    name: StepName
    number: Annotated[int, Field(ge=0)]
    classes: tuple[Annotated[int, Field(ge=0, le=254)], ...]


@dataclass(frozen=True)
class Decision:
    """From probabilities to class ids: the rule, the threshold that `threshold` goes by, and the steps that follow.

    It is part of a model's card, so that whoever has the file decides alike. `has_background` says that class 0 is no object.
    """

    rule: Rule = "argmax"
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    steps: tuple[Step, ...] = ()
    has_background: bool = True


ARGMAX = Decision()
"""The largest probability, and nothing after it."""
