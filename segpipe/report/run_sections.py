"""The sections of the page about what went in, what was run, and how to get it again."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from segpipe.dataset.pack import pixel_columns
from segpipe.palette import Colour
from segpipe.record import DatasetInfo
from segpipe.report import markup
from segpipe.report.definitions import COLOURS, COMMON, MEANINGS, NAMES
from segpipe.report.inputs import FoldResults

GATE = {
    "images": "Images compared",
    "largest_difference": "Largest difference of a logit",
    "same_pixels": "Pixels with the same class",
    "tolerance": "Largest difference allowed",
    "opset": "ONNX opset",
}


def data_facts(index: pd.DataFrame, info: DatasetInfo, parts: Mapping[str, Sequence[str]]) -> str:
    """Images of each part, sizes, channels and classes in a line each; `parts` holds the ids of each."""
    sizes = [
        f"{index[side].min()}&ndash;{index[side].max()}" if index[side].nunique() > 1 else f"{index[side].min()}"
        for side in ("width", "height")
    ]
    ignored = int(index["ignored"].sum()) / int((index["width"] * index["height"]).sum())
    counts = ", ".join(f"{markup.count(len(ids))} {part}" for part, ids in parts.items() if ids)
    return markup.pairs(
        [
            ("Images", f"{markup.count(len(index))}: {counts}"),
            ("Size", f"{sizes[0]} &times; {sizes[1]} pixels"),
            ("Channels", f"{info.channels} of {info.bits} bits"),
            ("Classes", f"{len(info.classes)}, " + ("the first is background" if info.has_background else "without background")),
            ("Ignored", f"{markup.percent(ignored)} of all pixels"),
        ]
    )


def class_balance(index: pd.DataFrame, info: DatasetInfo, parts: Mapping[str, Sequence[str]], palette: Sequence[Colour]) -> str:
    """A row a class: how many images of each part hold it, and its share of the part's pixels."""
    shown = [part for part, ids in parts.items() if ids]
    pixels = {part: index.loc[list(parts[part]), pixel_columns(info)] for part in shown}
    present = {part: (table > 0).sum().to_list() for part, table in pixels.items()}
    sums = {part: table.sum().to_list() for part, table in pixels.items()}
    rows = [
        [
            markup.label(name, palette[number]),
            *(markup.count(int(present[part][number])) for part in shown),
            *(markup.percent(sums[part][number] / max(sum(sums[part]), 1)) for part in shown),
        ]
        for number, name in enumerate(info.classes)
    ]
    images, shares = ([f"{part.capitalize()} {what}" for part in shown] for what in ("images", "pixels"))
    return markup.table(["Class", *images, *shares], rows)


def parameters(sections: Mapping[str, Any]) -> str:
    """A card a section of params.yaml; plain values come together in the first."""
    plain = {name: value for name, value in sections.items() if not isinstance(value, Mapping)}
    cards = ([("general", plain)] if plain else []) + [(name, value) for name, value in sections.items() if name not in plain]
    shown = "".join(
        f'<div class="card"><h3>{markup.text(name)}</h3>'
        f"{markup.pairs((key, f'<code>{markup.text(value)}</code>') for key, value in values.items())}</div>"
        for name, values in cards
    )
    return f'<div class="cards">{shown}</div>'


def exported(gate: Mapping[str, Any], n_bytes: int, sha256: str) -> str:
    """The ONNX file, and how close it is to the model it came from."""
    values = {**gate}
    if isinstance(values.get("largest_difference"), float):
        values["largest_difference"] = f"{values['largest_difference']:.1e}"
    if isinstance(values.get("same_pixels"), float):
        values["same_pixels"] = f"{100 * values['same_pixels']:.4g} %"
    rows = [
        (GATE.get(name, name), markup.text(values[name])) for name in (*GATE, *sorted(set(values) - set(GATE))) if name in values
    ]
    file = [
        ("File", "<code>models/export/model.onnx</code>"),
        ("Size", f"{n_bytes / 1e6:.1f} MB"),
        ("SHA-256", f"<code>{sha256}</code>"),
    ]
    return markup.pairs(file + rows)


def again(results: Sequence[FoldResults], data_hash: str, folds_hash: str) -> str:
    """The commands that make the same bytes, and the hashes and versions they were made from."""
    commands = (
        "<pre><code>make repro    <i># the pipeline, whatever is not up to date</i>\n"
        "make verify   <i># runs it anew and compares every byte</i></code></pre>"
    )
    hashes = [("Data", f"<code>{data_hash}</code>"), ("Folds", f"<code>{folds_hash}</code>")]
    hashes += [
        (f"Training of fold {each.fold}", f"<code>{markup.text(each.run['fingerprint'])}</code>")
        for each in results
        if "fingerprint" in each.run
    ]
    devices = {str(each.run["device"]): None for each in results if "device" in each.run}
    where = [("Device", ", ".join(map(markup.text, devices)))] if devices else []
    return commands + markup.pairs(hashes + where + _versions(results))


def definitions() -> str:
    """What each score means."""
    meanings = markup.pairs((NAMES[name], meaning) for name, meaning in MEANINGS.items())
    return f"{meanings}{markup.note(COMMON)}{markup.note(COLOURS)}"


def _versions(results: Sequence[FoldResults]) -> list[tuple[str, str]]:
    """The libraries' versions, several where folds were trained with other ones."""
    found: dict[str, set[str]] = {}
    for each in results:
        for name, version in each.run.get("versions", {}).items():
            found.setdefault(name, set()).add(str(version))
    listed = ", ".join(f"{markup.text(name)} {markup.text(' or '.join(sorted(found[name])))}" for name in sorted(found))
    return [("Versions", listed)] if listed else []
