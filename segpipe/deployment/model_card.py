"""models/export/README.md: what the exported model is, how good it is and where it may fail, as a model card of the Hub's form.

Model cards are those of Mitchell et al. 2019 (arXiv:1810.03993); the head of the file is what the Hugging Face Hub reads. The
library fills the template and asks nothing of any network.
"""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import EvalResult, ModelCard, ModelCardData

TEMPLATE = Path(__file__).parent / "templates" / "model_card.md"
TASK = "image-segmentation"
NAMES = {"test": "test images", "val": "validation images"}


@dataclass(frozen=True)
class Score:
    """A score, what it is in words with its 95 % interval, and its number; None where it has none."""

    name: str
    text: str
    value: float | None


@dataclass(frozen=True)
class Facts:
    """All that the card says, in words that may hold anything: they are escaped when the card is written.

    title: what the model is, in a line.
    kind: the kind of its images, such as "RGB 8-bit"; `bits` 8 or 16.
    classes: a row a class: id, name, colour as #rrggbb, its Dice and its IoU with their intervals.
    background: a sentence on what class 0 is.
    part, n_images: which part was scored, test or val, and how many images it has.
    few: a sentence on how little they are, or "".
    data, training, limits: sentences, each a line.
    parity: a row a form in which ONNX was held against torch, below a head.
    hashes: what the bytes follow from, by name.
    """

    title: str
    kind: str
    bits: int
    classes: Sequence[Sequence[str]]
    background: str
    part: str
    n_images: int
    few: str
    scores: Sequence[Score]
    data: Sequence[str]
    training: Sequence[str]
    limits: Sequence[str]
    parity: Sequence[Sequence[str]]
    hashes: Mapping[str, str]


def render(facts: Facts) -> str:
    """The card as Markdown with its head in YAML; the same facts give the same text."""
    part = NAMES[facts.part]
    head = ("score", f"{part}, 95 % interval")
    card = ModelCard.from_template(
        _data(facts),
        template_str=TEMPLATE.read_text(encoding="utf-8"),
        title=_plain(facts.title),
        n_classes=len(facts.classes),
        kind=facts.kind,
        largest=2**facts.bits - 1,
        classes=_classes(facts),
        background=_plain(facts.background),
        data=_lines(facts.data),
        training=_lines(facts.training),
        part_in_words=f"{facts.n_images} {part}",
        scores=_table(head, [(each.name, each.text) for each in facts.scores]),
        few=_plain(facts.few),
        limits=_lines(facts.limits),
        parity=_table(facts.parity[0], facts.parity[1:]),
        hashes=_table(("what", "hash"), [(name, f"`{value}`") for name, value in facts.hashes.items()], code=True),
    )
    return str(card).rstrip("\n") + "\n"


def _data(facts: Facts) -> ModelCardData:
    found = [
        EvalResult(
            task_type=TASK,
            dataset_type="custom",
            dataset_name=f"{facts.n_images} {NAMES[facts.part]}",
            dataset_split=facts.part,
            metric_type=score.name,
            metric_value=round(score.value, 6),
        )
        for score in facts.scores
        if score.value is not None
    ]
    # A name of the Hub's own alphabet: the title may hold anything.
    name = re.sub(r"[^\w.-]+", "-", facts.title, flags=re.ASCII).strip("-") or "segpipe"
    return ModelCardData(
        library_name="onnx",
        pipeline_tag=TASK,
        tags=["semantic-segmentation", "onnx", "segpipe"],
        model_name=name,
        eval_results=found or None,
    )


def _classes(facts: Facts) -> str:
    rows = [(number, _plain(name), f"`{colour}`", *found) for number, name, colour, *found in facts.classes]
    return _table(("id", "class", "colour in masks", "Dice, 95 % interval", "IoU, 95 % interval"), rows, code=True)


def _lines(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {_plain(sentence)}" for sentence in sentences)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], code: bool = False) -> str:
    """A table of GitHub's Markdown; cells of `code` are Markdown themselves."""
    cells = [[cell if code else _plain(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [[*head], ["---"] * len(head), *cells])


def _plain(text: str) -> str:
    """The text as it is read: no markup of HTML or Markdown in it counts."""
    escaped = html.escape(" ".join(text.split()), quote=False)
    # An underscore within a word is one in Markdown, too.
    return re.sub(r"[\\`*\[\]|#~]|(?<!\w)_|_(?!\w)", r"\\\g<0>", escaped)
