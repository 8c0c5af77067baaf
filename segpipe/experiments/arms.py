"""From a study to its arms: each way of training, with each seed, as an experiment's name and the keys that it overrides."""

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segpipe.errors import PipelineError
from segpipe.experiments.set_params import option
from segpipe.experiments.study_file import Study
from segpipe.params.load import plain_values
from segpipe.params.overrides import leaves, problems_of, with_overrides
from segpipe.params.stage_keys import NEVER_A_RESULT

SEED = "train.seed"
FOLDS = "folds"
NAMED = 3
"""Arms that a problem of many names."""


@dataclass(frozen=True)
class Arm:
    """One experiment of a study: `name` is DVC's, `label` the way of training, which arms of all seeds share.

    `options` are the overrides as DVC takes them after -S, `params` all parameters of the results, by dotted name, as the
    schema reads them: whatever never changes a result is left out.
    """

    name: str
    label: str
    seed: int
    overrides: Mapping[str, Any]
    options: tuple[str, ...]
    params: Mapping[str, Any]


def arms(study: Study, content: Mapping[str, Any]) -> list[Arm]:
    """The arms of all ways and seeds over what params.yaml holds; those of a seed stand together.

    So a study that is stopped has whole comparisons. Raises PipelineError that names every problem, one a line.
    """
    made, problems = [], dict[str, list[str]]()
    shared = {FOLDS: list(study.folds), **study.base}
    for seed in study.seeds:
        for label, own in ways(study):
            try:
                made.append(_arm(study, label, seed, shared | own, content))
            except PipelineError as error:
                for line in str(error).splitlines():
                    problems.setdefault(line, []).append(label)
    found = [f"{line}{_of(labels, study)}" for line, labels in problems.items()] or _alike(made)
    if found:
        raise PipelineError("\n".join(f"{study.name}.yaml: {line}" for line in found))
    return made


def ways(study: Study) -> list[tuple[str, dict[str, Any]]]:
    """Each way of training: its label, and the keys that are its own; the first is what others are compared with.

    Named arms as they stand; of axes each combination of their values, which the label tells.
    """
    if study.arms:
        return list(study.arms.items())
    combinations = itertools.product(*study.axis.values())
    return [("-".join(map(label_of, values)), dict(zip(study.axis, values, strict=True))) for values in combinations]


def label_of(value: Any) -> str:
    """The value as part of a name that Git takes: what is no letter, digit or one of `_.+` becomes a hyphen."""
    if isinstance(value, list):
        return "-".join(map(label_of, value)) or "none"
    return re.sub(r"[^A-Za-z0-9_.+]+|\.{2,}", "-", str(value).lower() if isinstance(value, bool) else str(value))


def results_of(content: Any) -> dict[str, Any]:
    """What decides results in the content of a params.yaml, by dotted name. Raises PipelineError where it does not fit."""
    kept = {name: value for name, value in plain_values(content).items() if name not in NEVER_A_RESULT}
    return {key: _listed(value) for key, value in leaves(kept)}


def _arm(study: Study, label: str, seed: int, overrides: Mapping[str, Any], content: Mapping[str, Any]) -> Arm:
    overrides = {**overrides, SEED: seed}
    problems = problems_of(content, overrides)
    unknown = {line.partition(":")[0] for line in problems}
    known = with_overrides(content, {key: value for key, value in overrides.items() if key not in unknown})
    try:
        read = dict(leaves(plain_values(known)))
    except PipelineError as error:
        raise PipelineError("\n".join([*problems, *str(error).splitlines()])) from None
    if problems:
        raise PipelineError("\n".join(problems))
    # PyYAML reads 1e-4 as text, and so it would reach DVC.
    overrides = {key: _as_read(value, read.get(key, value)) for key, value in overrides.items()}
    options = tuple(option(key, value) for key, value in overrides.items())
    return Arm(f"{study.name}-{label}-s{seed}", label, seed, overrides, options, results_of(with_overrides(content, overrides)))


def _as_read(value: Any, read: Any) -> Any:
    """The value, where it is text that the schema reads as something else as that."""
    if isinstance(value, list) and isinstance(read, list | tuple) and len(value) == len(read):
        return [_as_read(*pair) for pair in zip(value, read, strict=True)]
    return read if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    return [*map(_listed, value)] if isinstance(value, tuple | list) else value


def _of(labels: list[str], study: Study) -> str:
    """Which arms a problem is of, where it is not of all."""
    names = list(dict.fromkeys(labels))
    if len(names) == len(ways(study)):
        return ""
    return f" (arm {', '.join(names[:NAMED])}{f' and {len(names) - NAMED} more' if len(names) > NAMED else ''})"


def _alike(made: list[Arm]) -> list[str]:
    """A sentence for each two arms that could not be told apart: by their name, or by what they train."""
    pairs = [(one, other) for one, other in itertools.combinations(made, 2) if one.seed == other.seed == made[0].seed]
    names = [
        f"two arms are called {one.label}. Name them yourself, below arms." for one, other in pairs if one.label == other.label
    ]
    return names or [
        f"the arms {one.label} and {other.label} are the same training. Take one out."
        for one, other in pairs
        if one.params == other.params
    ]
