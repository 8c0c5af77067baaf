"""The page: whole by itself, safe whatever people call things, and complete."""

import dataclasses
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jinja2.exceptions import UndefinedError
from jinja2.meta import find_undeclared_variables

from segpipe import decided, evaluation
from segpipe.annotations.checks.doctor_files import WrittenFinding
from segpipe.dataset import pack
from segpipe.dataset.split import balance_report
from segpipe.dataset.split import folds as splits
from segpipe.decided import Candidate, Chosen
from segpipe.gate import Form, Gate, Passed
from segpipe.inference import closer_look_file, ensemble_file, snapshot_scores
from segpipe.params.decision import Decision, Step
from segpipe.params.load import load_params
from segpipe.report import (
    advice,
    augment_sheet,
    closer_look,
    doctor_section,
    ensemble,
    examples,
    intervals,
    numbers,
    page,
    run_sections,
    suspects,
)
from segpipe.report.run_sections import Exported
from tests.report.projects import finished, trained_with, write_run

HOSTILE = ("background", "<script>alert(1)</script>", '"><img src=x onerror=alert(2)>${style}')
FORMS = (Form("as predicted", 4, 1280, 4.77e-06, 0.00025), Form("<new>", 2, 640, 0.0, 0.0))
SCORED: dict[str, tuple[float | None, float | None]] = {"<score>": (None, 0.25), "dice": (0.5, 0.5000007), "miou": (0.75, 0.75)}
PASSED = Passed(Gate("test", 4, 40, FORMS, SCORED), {"changed_pixels": 0.0001, "tolerance": 0.001}, 20)
VOID = {"meta", "link", "img", "br", "path", "use", "input"}
Change = Callable[..., page.Contents]


class Reader(HTMLParser):
    """Collects tags with their attributes and the text as it is seen, and checks that what is opened is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.scripts: list[str] = []
        self.feed(html)
        self.close()
        self.text = " ".join(self.text.split())
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["script"]:
            self.scripts[-1] += data
        else:
            self.text += data

    def values(self, *names: str) -> list[str]:
        return [value for _, attributes in self.tags for name, value in attributes.items() if name in names and value]


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> page.Contents:
    """A run of two folds with hostile names everywhere."""
    folder = finished(tmp_path_factory.mktemp("run"), folds=(0, 1), classes=HOSTILE)
    tried = (Candidate("argmax", 0.25, None, used=False), Candidate("open 3", 0.5, 0.125, used=True))
    decided.write(folder / "data/eval/fold1", Chosen(Decision(steps=(Step("open", 3, (1, 2)),)), "dice", 7, tried))
    write_run(
        folder / "data/eval/fold0", 0, device="<b>cpu", instruction_set="AVX2", versions={"torch": "<i>2"}, params=trained_with()
    )
    return gathered(folder, (0, 1))


def gathered(folder: Path, folds: tuple[int, ...]) -> page.Contents:
    data = pack.open_pack(folder / "data/prepared")
    parts, groups = splits.read(folder / "data/folds/folds.csv"), splits.read_groups(folder / "data/folds/folds.csv")
    results = evaluation.read(folder / "data/eval", folds, parts, len(data.info.classes))
    headline = numbers.headline(results)
    averaged = ensemble_file.read(folder / "data/ensemble", results, parts, len(data.info.classes))
    together = ensemble.compute(averaged, results, groups, True)
    bounds = intervals.of_scores(results, groups, True)
    train, validation = splits.train_and_validation(parts, folds[0])
    look = closer_look_file.read(folder / f"data/eval/fold{folds[0]}/closer_look.zip", folds[0])
    best, worst = examples.best_and_worst(results[0], headline, data, 2, look.confidence)
    return page.Contents(
        info=data.info,
        index=data.index,
        groups=groups,
        parts={"training": train, "validation": validation, "test": splits.test(parts)},
        results=results,
        headline=headline,
        bounds=bounds,
        advice=advice.advice(results, headline, bounds[headline]["dice"], data.index, data.info, train),
        decided={fold: decided.read(folder / f"data/eval/fold{fold}", fold) for fold in folds},
        summary=numbers.summary(results, True, 0.25) | ensemble.summary(together),
        ensemble=together,
        against=None,
        params=load_params(folder / "params.yaml").model_dump(include={"seed", "model", "loss", "train"}),
        best=[dataclasses.replace(each, id=f"<u>{each.id}") for each in best],
        worst=worst,
        suspects=suspects.suspects(results, data, parts, 4),
        sheet=augment_sheet.sheet(data, train, folds[0], results[0].run),
        exported=Exported(PASSED, 7_800_000, "ab12"),
        doctor=doctor_section.read(folder / "data/doctor"),
        proof=balance_report.read(folder / "data/folds/proof.json"),
        data_hash="d4ta",
        folds_hash="f01d5",
        n_pictures=3,
        followed=closer_look.followed(look, results[0].dice[headline], data),
        snapshots=snapshot_scores.read(folder / f"data/eval/fold{folds[0]}/snapshots.csv", folds[0]),
    )


def test_nothing_is_fetched_from_anywhere(contents: page.Contents) -> None:
    html = page.render(contents)
    reader = Reader(html)
    addresses = reader.values("src", "href", "xlink:href", "srcset", "action", "data", "poster")
    assert len(addresses) > 20
    beside = [f"images/{number:05d}.jpg" for number in (1, 2, 3)]
    assert [address for address in addresses if not address.startswith(("data:", "#"))] == beside
    assert not re.search(r"https?:|//\w+\.\w|@import|url\((?!#)", re.sub(r"base64,[^\"]*", "", html))


def test_every_link_within_the_page_has_its_place_and_no_id_comes_twice(contents: page.Contents) -> None:
    reader = Reader(page.render(contents))
    ids = reader.values("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in reader.values("href", "xlink:href") if link.startswith("#")} <= set(ids)


def test_names_are_text_and_never_markup(contents: page.Contents) -> None:
    reader = Reader(page.render(contents))
    tags = {tag for tag, _ in reader.tags}
    assert not tags & {"u", "iframe"}
    assert reader.scripts == [reader.scripts[0], page.environment().get_template("page.js").render()]
    assert not any(name.startswith("on") for _, attributes in reader.tags for name in attributes)
    assert all(value.startswith("data:image/jpeg;base64,") for value in reader.values("src"))
    for name in (*HOSTILE, "<u>image00", "<b>cpu with AVX2", "torch <i>2", "<new>"):
        assert name in reader.text


def named(word: str) -> Passed:
    """A gate in which all that has a name has this one."""
    return Passed(Gate("test", 1, 1, (Form(word, 1, 1, 0.0, 0.0),), {word: (0.5, 0.5)}), {word: 0.5}, 20)


def test_the_gate_is_shown_with_its_limits_and_all_that_was_measured(contents: page.Contents) -> None:
    section = re.search(r'<section id="export"[^>]*>(.*?)</section>', page.render(contents), re.DOTALL)
    assert section
    text = Reader(section[1]).text
    assert "ONNX opset20 Compared on4 of 40 test images Limitschanged_pixels 0.0001, tolerance 0.001" in text
    assert "as predicted44.8e-060.025 % <new>200 %" in text
    # In the order in which scores are told everywhere, then others.
    assert "miou0.7500000.7500000 dice0.5000000.5000017.0e-07 <score>\N{EN DASH}0.2500001.0e+00" in text


def spoken(contents: page.Contents, word: str) -> page.Contents:
    """The contents with a word in place of all that people, files and libraries name: the same word everywhere."""
    run = {"fingerprint": word, "device": word, "instruction_set": word, "versions": {word: word}}
    history = [{f"train_loss_{word}": "0.5"}]
    warning = WrittenFinding("warning", word, word, (word,))
    rows = tuple(dataclasses.replace(row, name=word) for row in contents.proof.rows)
    assert contents.exported
    return dataclasses.replace(
        contents,
        advice=[f"{word} is as good as never found"],
        info=dataclasses.replace(contents.info, classes=(word,) * 3),
        results=[dataclasses.replace(each, run=run, history=history, images=renamed(each, word)) for each in contents.results],
        params={"seed": word, word: {word: word}, "model": contents.params["model"] | {"name": word}},
        best=[dataclasses.replace(each, id=word) for each in contents.best],
        worst=[dataclasses.replace(each, id=word) for each in contents.worst],
        suspects=dataclasses.replace(
            contents.suspects, ranked=[dataclasses.replace(each, id=word) for each in contents.suspects.ranked]
        ),
        followed=[dataclasses.replace(each, id=word) for each in contents.followed],
        sheet=dataclasses.replace(contents.sheet, preset=word, rows=tuple((word, row) for _, row in contents.sheet.rows)),
        exported=Exported(named(word), 1, word),
        doctor=dataclasses.replace(contents.doctor, warnings=(warning,)),
        proof=dataclasses.replace(contents.proof, rows=rows, largest_deviation=(0.5, word, "0"), notes=(word,)),
        data_hash=word,
        folds_hash=word,
    )


def renamed(results: evaluation.FoldResults, word: str) -> dict[str, list[evaluation.ImageScores]]:
    return {part: [dataclasses.replace(each, id=word) for each in images] for part, images in results.images.items()}


NAMING = {
    "advice",
    "decision",
    "learning",
    "classes",
    "objects",
    "confusion",
    "predictions",
    "suspects",
    "evolution",
    "attention",
    "images",
    "data",
    "folds",
    "doctor",
    "augmentation",
    "parameters",
    "export",
    "again",
}
"""The sections that show names from outside: all but the scores."""


def test_the_epochs_that_were_kept_are_told_by_their_scores(contents: page.Contents) -> None:
    text = Reader(page.render(contents)).text
    assert "epoch 20.250\N{EN DASH}0.125" in text and "On 4 test images. To look at" in text
    assert "To look at" not in Reader(page.render(dataclasses.replace(contents, snapshots=[]))).text


@pytest.mark.parametrize(
    "word",
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "' onload='alert(3)", "</style>&lt;{{ 7 * 7 }}", "x" * 5000],
)
def test_in_every_section_any_name_is_text(contents: page.Contents, word: str) -> None:
    harmless = "w" * len(word)
    html = page.render(spoken(contents, word))
    reader, other = Reader(html), Reader(page.render(spoken(contents, harmless)))
    assert reader.text.replace(word, harmless) == other.text
    assert [(tag, list(attributes)) for tag, attributes in reader.tags] == [
        (tag, list(attributes)) for tag, attributes in other.tags
    ]
    found = dict(re.findall(r'<section id="(\w+)"[^>]*>(.*?)</section>', html, re.DOTALL))
    assert {name for name, body in found.items() if word in Reader(body).text} == NAMING
    assert set(json.loads(reader.scripts[0])["id"]) == {word} and "<" not in reader.scripts[0]


def test_markup_that_is_not_escaped_is_a_drawing_of_our_own() -> None:
    sources = [path.read_text(encoding="utf-8") for path in sorted(page.TEMPLATES.glob("*.html"))]
    found = re.findall(r"\{\{[^}]*\bsafe\b[^}]*\}\}|\{%[^%]*\bautoescape\b", "".join(sources))
    assert set(found) == {"{{ chart.svg|safe }}"}


def test_an_unknown_variable_is_an_error() -> None:
    for template in ("{{ colour }}", "{% if colour %}{% endif %}", "{{ chart.colour }}", '{{ chart["colour"] }}'):
        with pytest.raises(UndefinedError):
            page.environment().from_string(template).render(chart={})


@pytest.mark.parametrize("name", sorted({path.name for path in page.TEMPLATES.glob("*.html")} - {"page.html", "study.html"}))
def test_macros_take_all_that_they_show_as_arguments(name: str) -> None:
    source = (page.TEMPLATES / name).read_text(encoding="utf-8")
    assert find_undeclared_variables(page.environment().parse(source)) == set()


def test_each_part_of_a_loss_has_its_drawing(contents: page.Contents) -> None:
    whole = page.render(contents)
    assert "Part of the loss" not in whole
    parts = {"train_loss_dice": "0.5", "train_loss_<b>": "0.5", "val_loss_dice": "0.7"}
    results = [dataclasses.replace(each, history=[row | parts for row in each.history]) for each in contents.results]
    drawn = page.render(dataclasses.replace(contents, results=results))
    assert re.findall("Part of the loss: (.*?)</b>", drawn) == ["dice", "&lt;b&gt;"]
    assert drawn.count("<svg") == whole.count("<svg") + 2
    untrained = [dataclasses.replace(each, history=[]) for each in results]
    assert page.render(dataclasses.replace(contents, results=untrained)).count("<svg") == 2


def test_the_page_tells_what_there_is(contents: page.Contents) -> None:
    text = Reader(page.render(contents)).text
    dice = contents.summary["test"]["dice"]
    assert f"the models of 2 folds reach a mean Dice of {dice:.3f}" in text
    assert "A classifier that sees only colours reaches 0.250." in text
    for fact in (
        "20 \N{MULTIPLICATION SIGN} 16 pixels",
        "12: 4 training, 4 validation, 4 test",
        "0.025 %",
        "4.8e-06",
        "7.8 MB",
        "dice_ce",
        "4 training images of fold 0, and the crops that epochs 1 to 5 make of them (augment.preset custom).",
    ):
        assert fact in text
    for fact in ("d4ta", "f01d5", "print0", "make verify", "dvc repro", "3 of 4", "sample standard deviation"):
        assert fact in text


def test_a_chosen_decision_is_told_with_what_was_tried(contents: page.Contents) -> None:
    text = Reader(page.render(contents)).text
    assert f"Fold 1: the likeliest class, then open 3 ({', '.join(HOSTILE[1:])}); chosen by dice on 7 validation images." in text
    assert "open 3 0.500 0.125 yes" in " ".join(re.sub(r"(0\.\d{3})", r" \1 ", text).split())
    plain = dataclasses.replace(contents, decided={0: contents.decided[0]})
    assert "No test image was asked" not in Reader(page.render(plain)).text


ENTRY: dict[str, Any] = {
    "unit": "group",
    "units": 40,
    "sampling": "Poisson",
    "rate": 0.125,
    "steps_per_epoch": 6,
    "noise_multiplier": 1.5,
    "max_grad_norm": 0.5,
    "delta": 0.001,
    "guarantee": True,
    "not_covered": ["<i>losses</i>"],
    "epsilon": 2.0,
}


def test_a_private_training_says_what_it_guarantees_and_what_not(contents: page.Contents) -> None:
    assert "Differential privacy" not in page.render(contents)

    def text(*entries: dict[str, Any]) -> str:
        folds = zip(contents.results, entries, strict=True)
        results = [dataclasses.replace(each, run=each.run | {"privacy": entry}) for each, entry in folds]
        return Reader(page.render(dataclasses.replace(contents, results=results))).text

    found = text(ENTRY, ENTRY | {"epsilon": 1.0})
    facts = ("whether any one group was trained on", "by a factor of 7.39 at most", "2 at delta 0.001", "group, 40 of them")
    for fact in (*facts, "1.5 times the clipped norm 0.5", "Poisson, each with the probability 0.125", "<i>losses</i>"):
        assert fact in found
    for entries in ((ENTRY, ENTRY | {"guarantee": False}), (ENTRY | {"guarantee": False}, ENTRY)):
        without = text(*entries)
        assert "No guarantee:" in without and "Differential privacy" not in without


def test_a_federated_training_shows_what_each_site_scored(contents: page.Contents) -> None:
    assert "Federated training" not in page.render(contents)
    entry = {"sites": {"north <1>": {"train": 1234, "validation": 5}, "south": {"train": 9, "validation": 0}}, "local_epochs": 1}
    rows = [{"epoch": "0", "site1_dice": "0.1"}, {"epoch": "1", "site1_dice": "0.8765", "site1_miou": "0.5"}]
    results = [
        dataclasses.replace(each, run=each.run | {"federated": entry, "best_epoch": 1}, history=rows) for each in contents.results
    ]
    found = Reader(page.render(dataclasses.replace(contents, results=results))).text
    for fact in ("Federated training", "north <1>", "1,234", "0.876", "0.500", "south"):
        assert fact in found
    assert "0.100" not in found


def test_the_same_contents_give_the_same_page(contents: page.Contents) -> None:
    assert page.render(contents) == page.render(contents)


def test_one_fold_without_test_part_export_and_examples(tmp_path: Path) -> None:
    whole = gathered(finished(tmp_path, n_test=0), (0,))
    text = Reader(page.render(dataclasses.replace(whole, exported=None, best=[], worst=[]))).text
    assert "6 validation images that also chose the best epoch, so this flatters" in text
    assert "The dot is the best epoch, " in text
    assert "Exported model" not in text
    assert "Predictions" not in text
    assert "sample standard deviation" not in text


def test_a_private_training_keeps_its_last_epoch_and_says_so(tmp_path: Path) -> None:
    whole = gathered(finished(tmp_path, n_test=0), (0,))
    private = [dataclasses.replace(each, run=each.run | {"privacy": ENTRY}) for each in whole.results]
    text = Reader(page.render(dataclasses.replace(whole, results=private, best=[], worst=[]))).text
    assert "6 validation images that chose no epoch, since the last one is kept, the model" in text
    assert "whose weights are kept" in text and "best epoch" not in text


def test_a_model_below_the_colours_is_called_so(contents: page.Contents) -> None:
    summary = {part: found | {"colour_dice": 0.99} for part, found in contents.summary.items()}
    assert "The model is not above it yet" in page.render(dataclasses.replace(contents, summary=summary))
    assert "The model is not above it yet" not in page.render(contents)


def test_long_lists_of_classes_are_counted_in_the_title(contents: page.Contents) -> None:
    model = contents.params["model"]
    many = dataclasses.replace(contents.info, classes=("background", *(f"a rather long name {number}" for number in range(20))))
    assert page.title(model, many) == "U-Net finds 20 classes"
    assert page.title(model, dataclasses.replace(contents.info, classes=("background", "cell"))) == "U-Net finds cell"
    few = dataclasses.replace(contents.info, classes=("a", "b", "c"), has_background=False)
    assert page.title(model | {"name": "smp", "architecture": "FPN"}, few) == "FPN finds a, b and c"


def test_every_score_has_a_name_and_a_meaning() -> None:
    template: Any = page.environment().get_template("results.html").module
    assert set(template.NAMES) == set(template.MEANINGS) == {*numbers.names(True)}


def test_objects_and_confidence_stand_on_the_page(contents: page.Contents) -> None:
    text = Reader(page.render(contents)).text
    assert "Small" in text and " of " in text and "Mean confidence" in text and "within 2 pixels" in text
    nothing = [dataclasses.replace(each, details={}) for each in contents.results]
    without = Reader(page.render(dataclasses.replace(contents, results=nothing))).text
    assert "Mean confidence" not in without and "An object is a connected piece" not in without


@pytest.mark.parametrize(
    ("model", "size"),
    [
        ({"name": "unet"}, "width 16, depth 4"),
        ({"name": "unetpp", "width": (4, 8, 16), "depth": 2}, "width 4, 8, 16, depth 2"),
        ({"name": "attention_unet", "encoder": "resnet50"}, "width 16, depth 4"),
        ({"name": "sa_unet"}, "width 16, depth 4"),
        ({"name": "resnet_unet", "encoder": "resnet34"}, "encoder resnet34"),
        ({"name": "pretrained_attention_r2unet"}, "encoder resnet18"),
        ({"name": "smp", "architecture": "FPN", "encoder": "mit_b0"}, "encoder mit_b0"),
        ({"name": "simple_unet"}, ""),
    ],
)
def test_the_subtitle_names_what_the_model_reads_and_nothing_else(
    contents: page.Contents, model: dict[str, object], size: str
) -> None:
    changed = dataclasses.replace(contents, params=contents.params | {"model": contents.params["model"] | model})
    parts = ["12 images", size, "4 epochs", "folds 0, 1"]
    wanted = " · ".join(part for part in parts if part)
    assert f'<p class="subtitle">{wanted}</p>' in page.render(changed)


def test_the_sections_of_the_parameters_come_in_the_order_of_the_file_and_unknown_ones_last() -> None:
    cards = run_sections.parameters({"augment": {"a": 1}, "input": {"b": 2}, "later": {"c": 3}, "seed": 4, "train": {}})
    assert list(cards) == ["general", "input", "augment", "later"]
    assert cards["general"] == {"seed": "4"}
