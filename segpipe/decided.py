"""data/eval/foldN/decision.json: how a fold's probabilities become classes; written by evaluate, read by export and report."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from segpipe.errors import PipelineError
from segpipe.params.decision import Decision
from segpipe.storage.files import write_json

NAME = "decision.json"


@dataclass(frozen=True)
class Candidate:
    """A decision that was tried, in words: its score on the validation images, the standard error of what it gains, and whether
    it is used. None where there is no such number.
    """

    what: str
    score: float | None
    error: float | None
    used: bool


@dataclass(frozen=True)
class Chosen:
    """The decision, the score it was chosen by, on how many images, and all that was tried; nothing where nothing was open."""

    decision: Decision
    score: str = ""
    images: int = 0
    candidates: tuple[Candidate, ...] = ()


def write(folder: Path, chosen: Chosen) -> None:
    """Writes decision.json into data/eval/foldN."""
    write_json(folder / NAME, asdict(chosen))


def read(folder: Path, fold: int) -> Chosen:
    """What `write` wrote. Raises PipelineError where it is not there or not whole."""
    path = folder / NAME
    try:
        return TypeAdapter(Chosen).validate_python(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise PipelineError(f"{path.as_posix()}: is not there. Run `dvc repro evaluate@{fold}`.") from None
    except (OSError, ValueError, ValidationError) as error:
        reason = next(iter(str(error).splitlines()))
        raise PipelineError(f"{path.as_posix()}: not whole ({reason}). Run `dvc repro --force evaluate@{fold}`.") from None


def sentence(chosen: Chosen, classes: Sequence[str]) -> str:
    """The decision in words; empty for argmax alone that nobody asked to choose."""
    decision = chosen.decision
    if not chosen.candidates and not decision.steps and decision.rule == "argmax":
        return ""
    rules = {
        "argmax": "the likeliest class",
        "threshold": f"{classes[-1]} where its probability is above {decision.threshold:g}",
        "dice": "the pixels that make each image's expected Dice largest",
    }
    steps = [
        f"{each.name}{f' {each.number}' if each.number else ''} ({', '.join(classes[number] for number in each.classes)})"
        for each in decision.steps
    ]
    then = f", then {', '.join(steps)}" if steps else ""
    by = f"; chosen by {chosen.score} on {chosen.images} validation images" if chosen.candidates else ""
    return f"{rules[decision.rule]}{then}{by}"
