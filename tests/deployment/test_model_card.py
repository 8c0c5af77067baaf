"""The model card: all that it is given, as text and never as markup, in the form that the Hub reads, without any network."""

import html
import re
import socket
from dataclasses import replace

import pytest
from huggingface_hub import ModelCard

from segpipe.deployment import model_card
from segpipe.deployment.model_card import Facts, Score

FACTS = Facts(
    title="U-Net finds cells",
    kind="gray 16-bit",
    bits=16,
    classes=[
        ["0", "background", "#000000", "0.9 (0.8 .. 1.0)", "0.8 (0.7 .. 0.9)"],
        ["1", "cell", "#800000", "no score", "no score"],
    ],
    background="Class 0, background, is what is no object.",
    part="val",
    n_images=7,
    few="7 images: that is few.",
    scores=[Score("dice", "0.912 (0.88 .. 0.94)", 0.9123456789), Score("recall", "no score", None)],
    data=["10 images."],
    training=["unet, 3 epochs."],
    limits=["Not seen by night."],
    parity=[["images", "compared"], ["as predicted", "7"]],
    hashes={"model.onnx, SHA-256": "ab12"},
)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **more: object) -> None:
        raise AssertionError("a card asks nobody")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_it_says_all_that_it_is_given() -> None:
    text = model_card.render(FACTS)
    assert text == model_card.render(FACTS)
    for said in (
        "# U-Net finds cells",
        "Finds 2 classes in gray 16-bit images",
        "divided by\n65535;",
        "| 1 | cell | `#800000` | no score | no score |",
        "Of 7 validation images, at their own size.",
        "| dice | 0.912 (0.88 .. 0.94) |",
        "| recall | no score |",
        "7 images: that is few.",
        "- 10 images.",
        "- unet, 3 epochs.",
        "- Not seen by night.",
        "| as predicted | 7 |",
        "| model.onnx, SHA-256 | `ab12` |",
    ):
        assert said in text, said
    assert "{{" not in text and text.endswith("|\n")


def test_its_head_is_what_the_hub_reads() -> None:
    card = ModelCard(model_card.render(FACTS))
    assert card.data.pipeline_tag == "image-segmentation"
    assert card.data.model_name == "U-Net-finds-cells"
    (result,) = card.data.eval_results or []
    assert (result.metric_type, result.metric_value, result.dataset_split) == ("dice", 0.912346, "val")


def test_without_a_score_it_has_no_results() -> None:
    text = model_card.render(replace(FACTS, scores=FACTS.scores[1:]))
    assert ModelCard(text).data.eval_results is None


@pytest.mark.parametrize(
    "word", ["<script>x</script>", "a | b", "`rm`", "*[a](http://b)*", "_a_ # ~b~", "{{ 7 * 7 }}", "---", "\\|"]
)
def test_whatever_a_name_holds_is_text(word: str) -> None:
    classes = [[number, word, *rest] for number, _, *rest in FACTS.classes]
    text = model_card.render(replace(FACTS, title=word, classes=classes, data=[word], background=word))
    row = next(line for line in text.splitlines() if line.startswith("| 1 | "))
    cells = re.split(r"(?<!\\)\|", row.replace("\\\\", "\0"))
    assert len(cells) == 7
    read = html.unescape(re.sub(r"\\(.)", r"\1", cells[2].strip())).replace("\0", "\\")
    assert read == word
    assert "<script" not in text
    # Every mark of Markdown in it is escaped.
    assert not re.search(r"(?<!\\)[*`\[~]", cells[2])
