"""What the model card of the exported model says: its scores with their intervals, its data, and where it was not tested."""

from collections.abc import Mapping
from hashlib import sha256

from segpipe import evaluation, paths
from segpipe.dataset.pack import Pack
from segpipe.dataset.split import folds
from segpipe.deployment.model_card import Facts, Score
from segpipe.errors import PipelineError
from segpipe.evaluation import TEST, VAL, FoldResults
from segpipe.gate import Gate
from segpipe.images.palette import colours
from segpipe.inference.average import VIEWS
from segpipe.models import bundled
from segpipe.models.model_file import Card
from segpipe.models.origin import image_kind
from segpipe.scores.counts import SCORES, Confusion, class_scores, mean, scores
from segpipe.scores.intervals import Pixels, class_intervals, few_images, format_score, score_intervals

LONGEST_LIST = 60
"""Characters of class names in the title; beyond that it says how many there are."""


def own_results(card: Card, parts: dict[str, str]) -> FoldResults:
    """What evaluate found of the model. Raises PipelineError where there is nothing, or it is of another training."""
    (results,) = evaluation.read(paths.EVAL, [card.fold], parts, len(card.classes))
    if results.run["fingerprint"] != card.fingerprint:
        raise PipelineError(
            f"data/eval/fold{card.fold} has the scores of another training than models/fold{card.fold}. "
            f"Run `dvc repro evaluate@{card.fold}`."
        )
    return results


def facts(
    card: Card,
    data: Pack,
    parts: dict[str, str],
    together: Mapping[str, str],
    results: FoldResults,
    gate: Gate,
    onnx: bytes,
    decision: str,
) -> Facts:
    """Of the exported model: its card, the data and folds it was trained on, which images belong `together`, what evaluate
    found, the gate, the file itself, and the `decision` in words, "" for argmax.
    """
    part = TEST if TEST in results.counts else VAL
    pixels, groups = _counted(results, part, together)
    bounds = score_intervals(pixels, card.has_background, groups)
    found = scores([results.counts[part]], card.has_background) | {"dice_per_image": mean(results.dice[part].values())}
    return Facts(
        title=_title(card),
        kind=image_kind(card.channels, card.bits),
        bits=card.bits,
        classes=_classes(card, results.counts[part], pixels, groups),
        background=_background(card),
        part=part,
        n_images=len(results.dice[part]),
        few=few_images(bounds["dice"]) or "",
        scores=[Score(name, format_score(found[name], bounds[name]), found[name]) for name in SCORES],
        data=_data(data, parts, card.fold),
        training=[*_training(card), *([f"Decision: {decision}."] if decision else [])],
        limits=[*_limits(card, data, part, together), *_beyond_labels(card)],
        parity=_parity(gate),
        hashes=_hashes(card, onnx),
    )


def _title(card: Card) -> str:
    objects = card.classes[1:] if card.has_background else card.classes
    listed = ", ".join(objects)
    return f"Segmentation: {listed if len(listed) <= LONGEST_LIST else f'{len(objects)} classes'}"


def _counted(results: FoldResults, part: str, together: Mapping[str, str]) -> tuple[Pixels, list[str] | None]:
    """The pixels of each image and class, and the group of each image where there are groups: what intervals are made of."""
    true, seen, hits = results.pixels[part]
    groups = [together[item] for item in results.dice[part]]
    return Pixels(hits, true, seen), groups if any(groups) else None


def _classes(card: Card, counts: Confusion, pixels: Pixels, groups: list[str] | None) -> list[list[str]]:
    found, bounds = class_scores(counts), class_intervals(pixels, groups)
    named = zip(card.classes, colours(len(card.classes)), strict=True)
    return [
        [
            str(number),
            name,
            "#{:02x}{:02x}{:02x}".format(*colour),
            *(format_score(found[score][number], bounds[score][number]) for score in ("dice", "iou")),
        ]
        for number, (name, colour) in enumerate(named)
    ]


def _background(card: Card) -> str:
    if card.has_background:
        return f"Class 0, {card.classes[0]}, is what is no object; the means of Dice, precision and recall leave it out."
    return "No class is background; all means are over every class."


def _data(data: Pack, parts: dict[str, str], fold: int) -> list[str]:
    train, validation = folds.train_and_validation(parts, fold)
    counts = {"to train on": len(train), "of validation": len(validation), "of the test part": len(folds.test(parts))}
    index = data.index
    width, height = (_range(int(index[side].min()), int(index[side].max())) for side in ("width", "height"))
    return [
        f"{len(index)} images: {', '.join(f'{number} {name}' for name, number in counts.items() if number)}.",
        f"{width} pixels wide, {height} high, {image_kind(data.info.channels, data.info.bits)}.",
    ]


def _range(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low} to {high}"


def _training(card: Card) -> list[str]:
    params = card.training["params"]
    train, optim = params.get("train", {}), params.get("optim", {})
    start = bundled.provenance(card.training.get("encoder_weights") or "")
    weights = f", from {start}" if start else ""
    loss = params.get("loss", {}).get("name")
    steps = train.get("steps_per_epoch")
    batches = f"{steps} batches" if steps else "batches"
    lines = [
        f"{card.model.name}{weights}, loss {loss}, {optim.get('name')} at a rate of {optim.get('lr')}, "
        f"{card.training.get('epochs')} epochs of {batches} of {train.get('batch_size')}; seed {params.get('seed')}."
    ]
    if entry := card.training.get("privacy"):
        kept = f"epsilon {entry['epsilon']:.3g} at delta {entry['delta']:g}" if entry["guarantee"] else "no guarantee"
        lines.append(f"Trained with differential privacy: {kept}. Not covered: {'; '.join(entry['not_covered'])}.")
    if card.long_side:
        lines.append(f"Images with a side above {card.long_side} pixels are shrunk to it first.")
    if card.infer.flips != "none":
        views = f"{VIEWS[card.infer.flips]} views of an image, itself and flips of it"
        lines.append(f"Probabilities are the mean over {views} (infer.flips {card.infer.flips}), which model.onnx does itself.")
    if card.model.input_scale > 1:
        lines.append(f"The network sees images {card.model.input_scale} times as large; its logits have their own size.")
    return lines


def _limits(card: Card, data: Pack, part: str, together: Mapping[str, str]) -> list[str]:
    index = data.index
    longest, shortest = (int(getattr(index[["width", "height"]].to_numpy(), name)()) for name in ("max", "min"))
    # Near-duplicates are found and not told: they alone say nothing of patients or places.
    grouped = any(index["group"]) or any(together[str(item)] and not twin for item, twin in index["twin"].items())
    return [
        "Test images are of the same collection as those it was trained on. It was not tested on any other camera, site, "
        "preparation or time.",
        *([] if part == TEST else ["No image was kept for testing: its epoch was chosen by the images it is scored on."]),
        f"Images with sides of other than {_range(shortest, longest)} pixels were not seen, nor objects of other sizes.",
        "No groups were given: related images (of one patient, place or film) may lie on both sides of the split, which would "
        "make scores too good."
        if not grouped
        else "Images of a group lie on one side of the split.",
        f"It has no class for what it does not know: each pixel gets one of the {len(card.classes)}.",
        "A licence is not stated: those of the data and of the weights it started from decide.",
    ]


def _beyond_labels(card: Card) -> list[str]:
    """What of the prediction the ONNX file itself does not do."""
    left = "are left to `segpipe predict` and `segpipe.load`, and the scores are with them."
    sizes = "The outputs are those of an image at its own size: the mean over the sizes of infer.scales, and what is made of it,"
    pixels = "The output `labels`, and predict.py beside the model, decide pixel by pixel: expected Dice and post-processing"
    is_beyond = {sizes: [*card.infer.scales] != [1.0], pixels: card.decision.rule == "dice" or bool(card.decision.steps)}
    return [f"{what} {left}" for what, beyond in is_beyond.items() if beyond]


def _parity(gate: Gate) -> list[list[str]]:
    head = ["images", "compared", "largest difference of a logit", "pixels of another class"]
    forms = [[each.name, str(each.images), f"{each.largest_difference:.1e}", f"{each.changed_pixels:.4%}"] for each in gate.forms]
    return [head, *forms]


def _hashes(card: Card, onnx: bytes) -> dict[str, str]:
    named = {"data": card.training.get("data"), "folds": card.training.get("folds"), "code": card.training.get("code")}
    there = {name: str(value) for name, value in named.items() if value}
    return {"model.onnx, SHA-256": sha256(onnx).hexdigest(), "training (fingerprint)": card.fingerprint} | there
