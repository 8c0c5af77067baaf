"""What a model file says of itself, as a person asks for it."""

from pathlib import Path
from typing import Any

from segpipe.inference import onnx_session
from segpipe.models import bundled, model_file


def read_card(model: Path) -> dict[str, Any]:
    """The card as plain values. Raises PipelineError for what is no model of segpipe, or damaged."""
    if model.suffix == ".onnx":
        return onnx_session.load(model)[1].to_dict()
    return model_file.load(model)[1].to_dict()


def lines(card: dict[str, Any]) -> list[tuple[str, str]]:
    """What a person asks first, in that order."""
    training = card["training"]
    versions = training.get("versions", {})
    shown = {
        "classes": ", ".join(card["classes"]),
        "images": f"{card['channels']} channels of {card['bits']} bits",
        "fold": card["fold"],
        "epochs": _epochs(training),
        "fingerprint": card["fingerprint"],
        "data": training.get("data"),
        "folds": training.get("folds"),
        "code": training.get("code"),
        "class weights": ", ".join(f"{name} {weight:.4g}" for name, weight in _weights(card)) or "none",
        "encoder weights": _encoder_weights(training.get("encoder_weights")),
        "first steps": training.get("first_steps"),
        "privacy": _privacy(training.get("privacy")),
        "federated": _federated(training.get("federated")),
        "device": f"{training.get('device')}, {training.get('instruction_set')}, {training['params'].get('threads')} threads",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()) + f", python {training.get('python')}",
    }
    if "pruned_from" in training:
        shown |= {"pruned": f"to depth {card['model']['depth']}, from {training['pruned_from']} that params names"}
    params = [(f"params: {section}", _flat(content)) for section, content in sorted(training["params"].items())]
    return [*((name, str(value)) for name, value in shown.items()), *params]


def _epochs(training: dict[str, Any]) -> str:
    """Of which epoch the weights are."""
    if "epoch" in training:
        return f"a snapshot of number {training['epoch'] + 1}"
    if "privacy" in training:
        return f"{training.get('epochs')}, the last is kept"
    return f"{training.get('epochs')}, the best was number {training.get('best_epoch', -1) + 1}"


def _weights(card: dict[str, Any]) -> list[tuple[str, float]]:
    """Each class with its weight in the loss; empty where all count alike."""
    found = card["training"].get("class_weights", [])
    return list(zip(card["classes"], found, strict=True)) if found else []


def _encoder_weights(sha256: str | None) -> str:
    """The hash of what the encoder started from, after where that comes from and its licence where these are known."""
    source = bundled.provenance(sha256 or "")
    return f"{source}, sha256 {sha256}" if source else sha256 or "none"


def _privacy(entry: dict[str, Any] | None) -> str:
    """What a private training guarantees."""
    if entry is None:
        return "none: single images may be told from its weights"
    if not entry["guarantee"]:
        return "no guarantee: its noise can be drawn again (dp.test_seed)"
    spent = f"epsilon {entry['epsilon']:.4g} at delta {entry['delta']:g}"
    return f"{spent}, of {entry['units']} {entry['unit']}s each; not covered: {'; '.join(entry['not_covered'])}"


def _federated(entry: dict[str, Any] | None) -> str:
    """Whose images it was trained on, where several sites did."""
    if entry is None:
        return "no: trained in one place"
    counts = ", ".join(f"{name} {count['train']}" for name, count in entry["sites"].items())
    return f"{len(entry['sites'])} sites, by images to train on: {counts}"


def _flat(content: Any) -> str:
    return ", ".join(f"{key} {value}" for key, value in content.items()) if isinstance(content, dict) else str(content)
