"""What the page says of the run: its parameters, the exported model, and how to get it all again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segpipe.evaluation import TEST, VAL, FoldResults
from segpipe.gate import Passed, score_difference
from segpipe.report.numbers import PRIVACY
from segpipe.scores.counts import SCORES

ORDER = ("input", "augment", "model", "loss", "optim", "train", "dp", "federated", "infer")
"""The sections of params.yaml in their own order; others follow. run.json has all keys by the alphabet."""

Lines = dict[str, str]
"""Names with their values, as they stand on the page."""


@dataclass(frozen=True)
class Exported:
    """models/export: gate.json, and the size in bytes and the hash of model.onnx."""

    gate: Passed
    n_bytes: int
    sha256: str


@dataclass(frozen=True)
class Privacy:
    """What a private training guarantees, if anything, by what means, and what of the project the guarantee does not speak of."""

    guarantee: bool
    epsilon: float
    unit: str
    lines: Lines
    not_covered: tuple[str, ...]


def privacy(results: Sequence[FoldResults]) -> Privacy | None:
    """Of the fold that spent most; None where no training was private."""
    entries = [each.run[PRIVACY] for each in results if PRIVACY in each.run]
    if not entries:
        return None
    most = max(entries, key=lambda each: each["epsilon"])
    lines = {
        "Epsilon spent": f"{most['epsilon']:.3g} at delta {most['delta']:g}",
        "Unit of privacy": f"{most['unit']}, {most['units']} of them",
        "Noise": f"{most['noise_multiplier']:g} times the clipped norm {most['max_grad_norm']:g}",
        "Sampling": f"{most['sampling']}, each with the probability {most['rate']:.3g}, {most['steps_per_epoch']} steps an epoch",
    }
    guarantee = all(each["guarantee"] for each in entries)
    return Privacy(guarantee, most["epsilon"], most["unit"], lines, tuple(most["not_covered"]))


def parameters(sections: Mapping[str, Any]) -> dict[str, Lines]:
    """Each section of params.yaml that holds anything; plain values come together as `general`, the first."""
    plain = {name: value for name, value in sections.items() if not isinstance(value, Mapping)}
    names = [*(name for name in ORDER if name in sections), *(name for name in sections if name not in ORDER)]
    cards = {"general": plain} | {name: sections[name] for name in names if name not in plain}
    return {title: {name: _as_written(value) for name, value in card.items()} for title, card in cards.items() if card}


@dataclass(frozen=True)
class Parity:
    """How close the ONNX file is to the model that it came from: what was compared, and a row a form and a row a score."""

    lines: Lines
    forms: Sequence[Sequence[str]]
    scores: Sequence[Sequence[str]]


def parity(passed: Passed) -> Parity:
    """The gate in words, its limits and all that was measured."""
    gate, limits = passed.gate, passed.limits
    part = {TEST: "test", VAL: "validation"}.get(gate.part, gate.part)
    allowed = ", ".join(f"{name} {limit:g}" for name, limit in limits.items())
    lines = {"ONNX opset": str(passed.opset), "Compared on": f"{gate.images} of {gate.of} {part} images", "Limits": allowed}
    forms = [
        [each.name, str(each.images), _difference(each.largest_difference), f"{100 * each.changed_pixels:.4g} %"]
        for each in gate.forms
    ]
    names = [*(name for name in SCORES if name in gate.scores), *(name for name in gate.scores if name not in SCORES)]
    scores = [
        [
            name,
            *("\N{EN DASH}" if value is None else f"{value:.6f}" for value in gate.scores[name]),
            _difference(score_difference(gate.scores[name])),
        ]
        for name in names
    ]
    return Parity(lines, forms, scores)


def _difference(value: float) -> str:
    return f"{value:.1e}" if value else "0"


def hashes(results: Sequence[FoldResults], data_hash: str, folds_hash: str) -> Lines:
    """The hashes of what the run was made from, and of each training where run.json names it."""
    trainings = {f"Training of fold {each.fold}": each.run["fingerprint"] for each in results if "fingerprint" in each.run}
    return {"Data": data_hash, "Folds": folds_hash} | trainings


def machine(results: Sequence[FoldResults]) -> Lines:
    """The devices and the versions of libraries, several where folds were trained with other ones; only what run.json names."""
    devices = sorted({_device(each.run) for each in results if "device" in each.run})
    found: dict[str, set[str]] = {}
    for each in results:
        for name, version in each.run.get("versions", {}).items():
            found.setdefault(name, set()).add(str(version))
    versions = ", ".join(f"{name} {' or '.join(sorted(found[name]))}" for name in sorted(found))
    lines = {"Device": " and ".join(devices), "Versions": versions}
    return {name: value for name, value in lines.items() if value}


def _as_written(value: object) -> str:
    """A parameter as a person writes it in params.yaml."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _device(run: Mapping[str, Any]) -> str:
    return " with ".join(str(run[name]) for name in ("device", "instruction_set") if run.get(name))
