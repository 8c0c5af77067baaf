"""segpipe info: what a model file says of itself, and whether it is whole."""

from pathlib import Path
from typing import Annotated, Any

import typer

from segpipe.console import command
from segpipe.console.tables import format_table


def info(
    model: Annotated[Path, typer.Argument(help="A model.safetensors or a model.onnx of segpipe.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False,
) -> None:
    """Prints what a model was trained on, with and by: parameters, hashes, versions, device. Checks every byte first."""
    content = _card(model)
    if as_json:
        import json

        print(json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False))
        return
    print(format_table(_lines(content), n_left=2))
    command.done(f"{model}: whole, every byte fits its checksum", f"segpipe predict IMAGE --model {model}")


def _card(model: Path) -> dict[str, Any]:
    """The card as plain values. Raises PipelineError for what is no model of segpipe, or damaged."""
    if model.suffix == ".onnx":
        from segpipe.inference import onnx_session

        return onnx_session.load(model)[1].to_dict()
    from segpipe.models import model_file

    return model_file.load(model)[1].to_dict()


def _lines(card: dict[str, Any]) -> list[tuple[str, str]]:
    """What a person asks first, in that order."""
    training = card["training"]
    versions = training.get("versions", {})
    told = {
        "classes": ", ".join(card["classes"]),
        "images": f"{card['channels']} channels of {card['bits']} bits",
        "fold": card["fold"],
        "epochs": f"{training.get('epochs')}, the best was number {training.get('best_epoch', -1) + 1}",
        "fingerprint": card["fingerprint"],
        "data": training.get("data"),
        "folds": training.get("folds"),
        "code": training.get("code"),
        "class weights": ", ".join(f"{name} {weight:.4g}" for name, weight in _weights(card)) or "none",
        "encoder weights": training.get("encoder_weights") or "none",
        "first steps": training.get("first_steps"),
        "device": f"{training.get('device')}, {training.get('instruction_set')}, {training['params'].get('threads')} threads",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()) + f", python {training.get('python')}",
    }
    if "pruned_from" in training:
        told |= {"pruned": f"to depth {card['model']['depth']}, from {training['pruned_from']} that params tells"}
    params = [(f"params: {section}", _flat(content)) for section, content in sorted(training["params"].items())]
    return [*((name, str(value)) for name, value in told.items()), *params]


def _weights(card: dict[str, Any]) -> list[tuple[str, float]]:
    """Each class with its weight in the loss; empty where all count alike."""
    found = card["training"].get("class_weights", [])
    return list(zip(card["classes"], found, strict=True)) if found else []


def _flat(content: Any) -> str:
    return ", ".join(f"{key} {value}" for key, value in content.items()) if isinstance(content, dict) else str(content)
