"""The results of several revisions on the images that all of them scored, and which revisions are runs of one setting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segpipe import evaluation
from segpipe.errors import PipelineError
from segpipe.experiments.outcome import Outcome, Scored
from segpipe.scores.intervals import Pixels

NAMED = 3
"""Differing keys in a setting's label."""


@dataclass(frozen=True)
class Aligned:
    """The images of `part` that all have, and each one's pixels of them; `left_out` are images that some do not have alike."""

    part: str
    ids: Sequence[str]
    groups: Sequence[str] | None
    pixels: Sequence[Pixels]
    left_out: int


@dataclass(frozen=True)
class SettingRuns:
    """A setting: by what it differs from the first, and the numbers of the outcomes that are its runs."""

    label: str
    runs: Sequence[int]


def aligned(outcomes: Sequence[Outcome], part: str | None) -> Aligned:
    """On the test part, or on the validation part where one has no test part, unless `part` says which.

    An image is the same where its id, its bytes and its mask's are. Raises PipelineError where classes differ, where one lacks
    the part, and where no image is in all.
    """
    first = outcomes[0]
    for each in outcomes[1:]:
        if (each.classes, each.has_background) != (first.classes, first.has_background):
            raise PipelineError(
                f"{each.name} has the classes {', '.join(each.classes)}, and {first.name} {', '.join(first.classes)}: "
                "their scores are of different things."
            )
    wanted = part or (evaluation.TEST if all(evaluation.TEST in each.parts for each in outcomes) else evaluation.VAL)
    if lacking := [each.name for each in outcomes if wanted not in each.parts]:
        raise PipelineError(f"{', '.join(lacking)}: no image of the {wanted} part was scored. Take the other --part.")
    scored = [each.parts[wanted] for each in outcomes]
    contents = [dict(zip(each.ids, each.content, strict=True)) for each in scored]
    ids = [item for item in scored[0].ids if all(each.get(item) == contents[0][item] for each in contents)]
    if not ids:
        raise PipelineError(f"no image of the {wanted} part is the same in all of them: other data, or other folds.")
    seen = {item for each in contents for item in each}
    groups = _at(scored[0], ids, scored[0].groups)
    return Aligned(wanted, ids, groups if any(groups) else None, [_pixels(each, ids) for each in scored], len(seen) - len(ids))


def settings(outcomes: Sequence[Outcome]) -> list[SettingRuns]:
    """The settings in the order of their first runs. Runs of one differ in nothing but their seeds."""
    found: list[list[int]] = []
    for number, outcome in enumerate(outcomes):
        alike = next((runs for runs in found if outcomes[runs[0]].setting == outcome.setting), None)
        if alike is None:
            found.append([number])
        else:
            alike.append(number)
    varied = {key for runs in found[1:] for key in _differing(outcomes[found[0][0]].setting, outcomes[runs[0]].setting)}
    labels = [_label(outcomes[runs[0]], sorted(varied)) for runs in found]
    # Where code or versions alone differ, the names tell.
    unlike = [
        label if labels.count(label) == 1 else f"{label} ({outcomes[runs[0]].name})"
        for label, runs in zip(labels, found, strict=True)
    ]
    return [SettingRuns(label, runs) for label, runs in zip(unlike, found, strict=True)]


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> set[str]:
    return {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}


def _label(outcome: Outcome, varied: Sequence[str]) -> str:
    """What sets it apart, where that is a few values; the name of its first run where it is more."""
    shown = [key for key in varied if key not in ("code", "versions")]
    if not 0 < len(shown) <= NAMED:
        return outcome.name
    return ", ".join(f"{key} {_value(outcome.setting.get(key, 'not there'))}" for key in shown)


def _value(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _pixels(scored: Scored, ids: Sequence[str]) -> Pixels:
    places = {item: number for number, item in enumerate(scored.ids)}
    rows = [places[item] for item in ids]
    return Pixels(scored.pixels.hits[rows], scored.pixels.true[rows], scored.pixels.seen[rows])


def _at(scored: Scored, ids: Sequence[str], values: Sequence[str]) -> list[str]:
    found = dict(zip(scored.ids, values, strict=True))
    return [found[item] for item in ids]
