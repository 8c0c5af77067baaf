"""What the page says of the run: its parameters, the exported model, and how to get it all again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segpipe.evaluation import FoldResults
from segpipe.report import markup

GATE = {
    "images": "Images compared",
    "largest_difference": "Largest difference of a logit",
    "tolerance": "Largest difference allowed",
    "same_pixels": "Pixels with the same class",
    "opset": "ONNX opset",
}
COMMANDS = """<pre><code>dvc repro     <i># runs what is not up to date</i>
make verify   <i># runs all of it anew and compares every byte</i></code></pre>"""


@dataclass(frozen=True)
class Exported:
    """models/export: gate.json, and the size in bytes and the hash of model.onnx."""

    gate: Mapping[str, Any]
    n_bytes: int
    sha256: str


def parameters(sections: Mapping[str, Any]) -> str:
    """A card a section of params.yaml; plain values come together in the first."""
    plain = {name: value for name, value in sections.items() if not isinstance(value, Mapping)}
    cards = {"general": plain} | {name: value for name, value in sections.items() if name not in plain}
    return f'<div class="cards">{"".join(_card(name, values) for name, values in cards.items() if values)}</div>'


def exported(model: Exported) -> str:
    """The ONNX file, and how close it is to the model it came from."""
    names = [*(name for name in GATE if name in model.gate), *sorted(set(model.gate) - set(GATE))]
    compared = [(GATE.get(name, name), markup.text(_measured(name, model.gate[name]))) for name in names]
    size = f"{model.n_bytes / 1e6:.1f} MB"
    file = [("File", "<code>models/export/model.onnx</code>"), ("Size", size), ("SHA-256", f"<code>{model.sha256}</code>")]
    return markup.pairs(file + compared)


def again(results: Sequence[FoldResults], data_hash: str, folds_hash: str) -> str:
    """The commands that make the same bytes, and the hashes, device and versions they were made with."""
    hashes = {"Data": data_hash, "Folds": folds_hash}
    hashes |= {f"Training of fold {each.fold}": each.run["fingerprint"] for each in results if "fingerprint" in each.run}
    lines = [(name, f"<code>{markup.text(value)}</code>") for name, value in hashes.items()]
    devices = sorted({_device(each.run) for each in results if "device" in each.run})
    lines += [("Device", markup.text(" and ".join(devices)))] if devices else []
    versions = _versions(results)
    return COMMANDS + markup.pairs(lines + ([("Versions", versions)] if versions else []))


def _card(title: str, values: Mapping[str, Any]) -> str:
    lines = markup.pairs((name, f"<code>{markup.text(_as_written(value))}</code>") for name, value in values.items())
    return f'<div class="card"><h3>{markup.text(title)}</h3>{lines}</div>'


def _as_written(value: object) -> str:
    """A parameter as a person writes it in params.yaml."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _measured(name: str, value: object) -> str:
    if isinstance(value, float):
        return f"{100 * value:.6g} %" if name == "same_pixels" else f"{value:.2g}"
    return str(value)


def _device(run: Mapping[str, Any]) -> str:
    return " with ".join(str(run[name]) for name in ("device", "instruction_set") if run.get(name))


def _versions(results: Sequence[FoldResults]) -> str:
    """The libraries with their versions, several where folds were trained with other ones."""
    found: dict[str, set[str]] = {}
    for each in results:
        for name, version in each.run.get("versions", {}).items():
            found.setdefault(name, set()).add(str(version))
    return ", ".join(markup.text(f"{name} {' or '.join(sorted(found[name]))}") for name in sorted(found))
