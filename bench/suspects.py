"""Planted label errors: how many of them stand at the top of the ranking, by label quality and by simpler rankings.

Run in the repository: python bench/suspects.py [DATA [SEED [SETS]]]
(DATA holds camvid/ and concrete_voc/; what is absent is skipped, and the built-in sample is always there)

Errors of five kinds are planted in a tenth of the masks: an object dropped, an object given another class, the whole mask shifted
by a twentieth of its side, two objects merged, all outlines made rough. The default model learns from the masks as they are then,
errors and all, in two folds, and each fold is ranked by the model that did not see it. The tables say which share of the planted
is among the first tenth and fifth of all images. Some minutes a set, by one thread.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from sample_project import project

from segpipe.console import command
from segpipe.dataset import loader, pack
from segpipe.evaluation import ScoredImage
from segpipe.images.decode import decode_image, decode_mask
from segpipe.images.encode import encode_gray, encode_mask, encode_png
from segpipe.images.resize import shrink_image, shrink_mask
from segpipe.inference.scoring import score_images
from segpipe.params.load import load_params
from segpipe.params.stage_keys import TrainKeys
from segpipe.record import IGNORE
from segpipe.scores.counts import confusion, image_dice
from segpipe.scores.details import DetailCounter
from segpipe.scores.label_quality import doubt, given_levels, label_quality, largest_confusion
from segpipe.scores.levels import LEVELS, levels
from segpipe.training import loop
from segpipe.workflows.train import prepare

Mask = NDArray[np.uint8]
SHARE, LEAST = 0.1, 0.005
"""The share of the images that get an error, and of an image's pixels that the error changes at least."""
SETS = ("sample", "concrete_voc", "camvid")
IMAGES = {"sample": 400, "concrete_voc": 600, "camvid": 400}
EPOCHS = {"sample": 10, "concrete_voc": 8, "camvid": 8}
LONG_SIDE = 240
OURS = "label quality"
TEMPERATURES = (0.03, 0.05, 0.2, 0.5)
VALUES: dict[str, Any] = {
    "threads": 1,
    "split.test_share": 0.0,
    "split.n_folds": 2,
    "data.near_duplicates": "none",
    "train.validate_every": 1000,
    "sanity.steps": 0,
    "runtime.device": "cpu",
    "runtime.workers": 0,
}


@dataclass(frozen=True)
class Ranked:
    """An image: the kind of its planted error, empty where there is none, and what each ranking says of it, low being suspect."""

    kind: str
    scores: dict[str, float]


def main() -> None:
    torch.set_num_threads(1)
    command.set_environment()
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "shared" / "data"
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    print_cost()
    for name in sys.argv[3:] or SETS:
        if name != "sample" and not (data / name).is_dir():
            print(f"{name}: absent, skipped")
            continue
        start = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            classes, images = SOURCES[name](data)
            kinds = plant(Path(folder), images, len(classes), np.random.default_rng(seed))
            found = ranked(Path(folder), classes, kinds, name)
        dice = statistics.mean(each.scores["Dice"] for each in found)
        print_tables(f"{name}: {len(found)} images, mean Dice {dice:.2f}, {(time.process_time() - start) / 60:.0f} min", found)


def sample(data: Path) -> tuple[list[str], dict[str, tuple[Mask, Mask]]]:
    """The classes, and images with masks by id."""
    with project(VALUES | {"data.sample.n_images": IMAGES["sample"]}):
        opened = pack.open_pack(Path("data/prepared"))
        return [*opened.info.classes], {
            item: (np.asarray(opened.image(item), np.uint8), opened.mask(item)) for item in opened.images
        }


def concrete_voc(data: Path) -> tuple[list[str], dict[str, tuple[Mask, Mask]]]:
    return ["background", "crack", "spalling"], files(data / "concrete_voc", "JPEGImages", "SegmentationClass", "concrete_voc")


def camvid(data: Path) -> tuple[list[str], dict[str, tuple[Mask, Mask]]]:
    classes = (data / "camvid/classes.txt").read_text(encoding="utf-8").split()[:11]
    found = files(data / "camvid", "images", "masks", "camvid")
    return classes, {item: (image, np.where(mask == 11, IGNORE, mask).astype(np.uint8)) for item, (image, mask) in found.items()}


def files(folder: Path, images: str, masks: str, name: str) -> dict[str, tuple[Mask, Mask]]:
    """As many as IMAGES says, evenly spread over the set, shrunk to LONG_SIDE."""
    paths = sorted((folder / masks).glob("*.png"))
    chosen = [paths[at] for at in np.linspace(0, len(paths) - 1, IMAGES[name]).astype(int)]
    found = {}
    for path in chosen:
        image = decode_image((folder / images / f"{path.stem}.jpg").read_bytes(), path.stem)
        mask = decode_mask(path.read_bytes(), path.stem).astype(np.uint8)
        small = shrink_image(image, LONG_SIDE)
        found[path.stem] = np.asarray(small, np.uint8), shrink_mask(mask, LONG_SIDE)
    return found


SOURCES: dict[str, Callable[[Path], tuple[list[str], dict[str, tuple[Mask, Mask]]]]] = {
    "sample": sample,
    "concrete_voc": concrete_voc,
    "camvid": camvid,
}


def plant(folder: Path, images: Mapping[str, tuple[Mask, Mask]], n_classes: int, rng: Generator) -> dict[str, str]:
    """Writes images and masks, and returns the kind of error by the ids of those that have one."""
    (folder / "images").mkdir()
    (folder / "masks").mkdir()
    wanted, kinds, masks = round(SHARE * len(images)), {}, {item: mask for item, (_, mask) in images.items()}
    for item in rng.permutation(list(images)).tolist():
        if len(kinds) == wanted:
            break
        kind = [*ERRORS][len(kinds) % len(ERRORS)]
        changed = ERRORS[kind](masks[item], n_classes, rng)
        if (changed != masks[item]).mean() >= LEAST:
            kinds[item], masks[item] = kind, changed
    for item, (image, _) in images.items():
        (folder / "images" / f"{item}.png").write_bytes(encode_png(image))
        (folder / "masks" / f"{item}.png").write_bytes(encode_mask(masks[item]))
    return kinds


def dropped(mask: Mask, n_classes: int, rng: Generator) -> Mask:
    """An object given the class that surrounds it."""
    piece = one_of(mask, rng)
    return np.where(piece, around(mask, piece), mask).astype(np.uint8)


def swapped(mask: Mask, n_classes: int, rng: Generator) -> Mask:
    """An object given another class than its own and the one around it, where there is one."""
    piece = one_of(mask, rng)
    if not piece.any():
        return mask
    others = sorted(set(range(n_classes)) - {int(mask[piece][0]), around(mask, piece)})
    return np.where(piece, rng.choice(others), mask).astype(np.uint8) if others else mask


def shifted(mask: Mask, n_classes: int, rng: Generator) -> Mask:
    """Everything a twentieth of the side to the right or left and down or up; the edge is repeated."""
    by = max(2, max(mask.shape) // 20)
    rows, columns = (np.clip(np.arange(n) + rng.choice([-by, by]), 0, n - 1) for n in mask.shape)
    return mask[rows][:, columns]


def merged(mask: Mask, n_classes: int, rng: Generator) -> Mask:
    """Two objects made one, with all that lies between them, of the first one's class."""
    objects = pieces(mask)
    if len(objects) < 2:
        return mask
    one, other = (objects[at] for at in rng.choice(len(objects), 2, replace=False))
    points = cv2.findNonZero((one | other).astype(np.uint8))
    hull = cv2.fillConvexPoly(np.zeros(mask.shape, np.uint8), cv2.convexHull(points), 1) > 0
    return np.where(hull, mask[one][0], mask).astype(np.uint8)


def rough(mask: Mask, n_classes: int, rng: Generator) -> Mask:
    """Each object by a polygon that leaves its outline by up to a tenth of its size."""
    result = mask.copy()
    for piece in pieces(mask):
        result[piece] = around(mask, piece)
    for piece in pieces(mask):
        outline = max(cv2.findContours(piece.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0], key=cv2.contourArea)
        drawn = np.zeros(mask.shape, np.uint8)
        cv2.fillPoly(drawn, [cv2.approxPolyDP(outline, 0.1 * max(cv2.boundingRect(outline)[2:]), closed=True)], 1)
        result[drawn > 0] = mask[piece][0]
    return result


ERRORS: dict[str, Callable[[Mask, int, Generator], Mask]] = {
    "dropped": dropped,
    "swapped": swapped,
    "shifted": shifted,
    "merged": merged,
    "rough": rough,
}


def pieces(mask: Mask) -> list[NDArray[np.bool_]]:
    """The connected pieces of the classes but the first that have LEAST of the pixels, and less than a third of them."""
    found = []
    for number in sorted(set(np.unique(mask).tolist()) - {0, IGNORE}):
        count, labels = cv2.connectedComponents((mask == number).astype(np.uint8))
        found += [labels == each for each in range(1, count)]
    return [piece for piece in found if LEAST <= piece.mean() <= 1 / 3]


def one_of(mask: Mask, rng: Generator) -> NDArray[np.bool_]:
    objects = pieces(mask)
    return objects[rng.integers(len(objects))] if objects else np.zeros(mask.shape, bool)


def around(mask: Mask, piece: NDArray[np.bool_]) -> int:
    """The class that most pixels around the piece have."""
    ring = (cv2.dilate(piece.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0) & ~piece & (mask != IGNORE)
    return int(np.bincount(mask[ring]).argmax()) if ring.any() else 0


def ranked(folder: Path, classes: list[str], kinds: Mapping[str, str], name: str) -> list[Ranked]:
    """Every image by the model that did not learn from it."""
    side = 128 if name == "sample" else 160
    own = {"data.source": "masks", "data.path": str(folder), "data.masks.classes": classes, "data.max_ignored": 1.0}
    own |= {"train.epochs": EPOCHS[name], "input.crop": side, "folds": [0, 1]}
    found = []
    with project(VALUES | own):
        for fold in (0, 1):
            found += [Ranked(kinds.get(item, ""), scores) for item, scores in scored(fold)]
    return found


def scored(fold: int) -> Iterator[tuple[str, dict[str, float]]]:
    """The images of the fold, each with what the rankings say."""
    params = TrainKeys.of(load_params())
    training = prepare(params, fold)
    with tempfile.TemporaryDirectory() as scratch, training.cache.opened(Path(scratch)):
        training.segmenter.load_state_dict(loop.fit(training.run).weights)
    opened = training.data.pack
    images = loader.whole_image_loader(loader.WholeImages(opened, training.data.validation_ids), 0)
    n_classes, segmenter = len(opened.info.classes), training.segmenter.eval()
    for each in score_images(segmenter, images, n_classes, training.loss, params.infer, 0, training.device, with_levels=True):
        yield each.id, rankings(each, opened.info.has_background)


def rankings(each: ScoredImage, has_background: bool) -> dict[str, float]:
    """By label quality at several temperatures, and what is simpler: the given label's mean probability, and Dice."""
    assert each.levels is not None
    given = given_levels(each.levels, each.mask)
    own = given[each.mask != IGNORE] / (LEVELS - 1)
    found = {OURS: label_quality(given, each.mask) or 0.0}
    found |= {f"softmin at {t:g}": float(np.average(own, weights=np.exp(-own / t))) for t in TEMPERATURES}
    dice = image_dice(each.counts, has_background)
    return found | {"mean probability": float(own.mean()), "Dice": 1.0 if dice is None else dice}


def print_tables(title: str, found: list[Ranked]) -> None:
    """Of each ranking the share of the planted in the first tenth and the first fifth, and by kind in the first tenth."""
    there = [kind for kind in ERRORS if any(each.kind == kind for each in found)]
    numbers = {kind: sum(each.kind == kind for each in found) for kind in there}
    heads = ["first 10 %", "first 20 %", *(f"{kind} ({numbers[kind]})" for kind in there)]
    print(f"\n{title}\n\n| ranked by | {' | '.join(heads)} |\n{'|---' * (len(heads) + 1)}|")
    for name in found[0].scores:
        order = sorted(found, key=lambda each: each.scores[name])
        shares = [share_found(order, 0.1), share_found(order, 0.2), *(share_found(order, 0.1, kind) for kind in there)]
        print(f"| {name} | {' | '.join(f'{100 * share:.0f} %' for share in shares)} |", flush=True)


def share_found(order: list[Ranked], first: float, kind: str = "") -> float:
    """Of the planted, or those of a kind, how many are among the first images."""
    planted = [each for each in order if each.kind and kind in ("", each.kind)]
    return sum(each in planted for each in order[: round(first * len(order))]) / len(planted)


def print_cost() -> None:
    """What label quality adds to evaluate's counting of an image of 512 x 512 and 21 classes, without the model: medians."""
    rng = np.random.default_rng(0)
    planes = np.stack([cv2.GaussianBlur(plane, (0, 0), 8) for plane in rng.normal(size=(21, 512, 512)).astype(np.float32)])
    odds = np.exp(8 * planes / planes.std())
    of_each, seen = levels(odds / odds.sum(axis=0)), planes.argmax(axis=0).astype(np.uint8)
    mask = np.roll(seen, 4, axis=1)
    added, before = [], []
    for _ in range(9):
        start = time.process_time()
        DetailCounter(21, 2.0).add(mask, seen, of_each)
        largest_confusion(confusion(mask, seen, 21))
        middle = time.process_time()
        given = given_levels(of_each, mask)
        label_quality(given, mask)
        encode_gray(doubt(given))
        before.append(middle - start)
        added.append(time.process_time() - middle)
    one, other = 1e3 * statistics.median(added), 1e3 * statistics.median(before)
    print(f"\nlabel quality takes {one:.1f} ms an image, the other scores {other:.1f} ms: {100 * one / other:.1f} % more")


if __name__ == "__main__":
    main()
