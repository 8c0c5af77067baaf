"""Photos of fallen leaves with labelme's JSON: oak, maple and ginkgo, told by their outline, among plain leaves and stones.

All that lies on the ground has the colours of the ground. Each photo is a pure function of (seed, number), and so is its truth:
that is how `corrected` can stand in for a person who corrects predicted polygons.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from segpipe.acquire.sample import shapes, skins, textures
from segpipe.acquire.sample.shapes import Points, Pose, smooth
from segpipe.acquire.sample.textures import Field, Surface
from segpipe.reproducibility.seeds import seed_of

CLASSES = ("background", "oak", "maple", "ginkgo")
TRAIN, TEST, NEW, SIZE, SEED = 60, 40, 60, 128, 31
"""Photos that are annotated, to train on and to test; those that are not; and their side in pixels."""
GOOD = 0.8
"""The IoU with the truth from which a person leaves a polygon as it is."""
SAME = 0.3
"""The IoU from which a predicted polygon is meant for a leaf."""

_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 92)
_FINE = 2
"""Painted at this multiple of the size, then averaged down."""
_SEEN = 0.75
"""Least share of a leaf that shows."""


@dataclass(frozen=True)
class Thing:
    """What lies on the ground: how, its outline in pixels, what covers it, and its label, empty for what is no object."""

    pose: Pose
    outline: Points
    skin: Callable[[Generator, Field, Field, Field], Surface]
    label: str


def make(folder: Path, n_train: int = TRAIN, n_test: int = TEST, n_new: int = NEW, seed: int = SEED) -> None:
    """Writes photo####.jpg: annotated ones in annotated/train and annotated/test, with photo####.json, others in new."""
    parts = ["annotated/train"] * n_train + ["annotated/test"] * n_test + ["new"] * n_new
    for number, part in enumerate(parts):
        rng = _rng(seed, number)
        things = _things(rng)
        (folder / part).mkdir(parents=True, exist_ok=True)
        path = folder / part / f"photo{number:04d}.jpg"
        path.write_bytes(bytes(cv2.imencode(".jpg", _painted(rng, things)[..., ::-1], _JPEG)[1]))
        if part != "new":
            _write(path.with_suffix(".json"), _annotation(_polygons(things), path.name))


def corrected(project: Path, seed: int = SEED) -> str:
    """Corrects predictions/labelme/*.json by the truth, as a person would in labelme; says what had to be done.

    A polygon that fits (IoU >= GOOD) stays as it is, one of another class gets its label, one that fits badly is drawn anew,
    one that is meant for no leaf goes, and leaves that nobody drew are drawn.
    """
    done: Counter[str] = Counter()
    for path in sorted((project / "predictions/labelme").glob("photo*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        truth = _polygons(_things(_rng(seed, int(path.stem.removeprefix("photo")))))
        kept = _corrected([(each["label"], np.array(each["points"])) for each in content["shapes"]], truth, done)
        _write(path, content | {"shapes": _annotation(kept, "")["shapes"]})
    return ", ".join(f"{count} {what}" for what, count in sorted(done.items()) if count)


def _corrected(
    predicted: list[tuple[str, Points]], truth: list[tuple[str, Points]], done: "Counter[str]"
) -> list[tuple[str, Points]]:
    """The polygons after the correction, those in front last; counts in `done` what was done to each."""
    kept, taken = [], set()
    for label, points in truth:
        overlaps = [(_iou(points, other), number) for number, (_, other) in enumerate(predicted) if number not in taken]
        overlap, best = max(overlaps, default=(0.0, -1))
        if overlap < SAME:
            kept.append((label, points))
            done["drawn" if label != CLASSES[0] else "cut out"] += 1
            continue
        taken.add(best)
        same_label, fits = predicted[best][0] == label, overlap >= GOOD
        kept.append((label, predicted[best][1] if fits else points))
        done["left as they were" if fits and same_label else "given another label" if fits else "drawn anew"] += 1
    done["deleted"] += len(predicted) - len(taken)
    return kept


def _iou(one: Points, other: Points) -> float:
    """Of two outlines, over the pixels of the photo."""
    first, second = (
        cv2.fillPoly(np.zeros((SIZE, SIZE), np.uint8), [np.round(each).astype(np.int32)], 1) for each in (one, other)
    )
    return float((first & second).sum() / max(1, (first | second).sum()))


def _rng(seed: int, number: int) -> Generator:
    return np.random.default_rng(seed_of(seed, "photos", number))


def _things(rng: Generator) -> list[Thing]:
    """What lies in a photo, from below: stones and plain leaves, then one to three leaves that count, then maybe a stone."""
    things = [_lay(rng, *_CLUTTER[rng.integers(2)], "") for _ in range(rng.integers(3, 7))]
    for _ in range(rng.integers(1, 4)):
        label = CLASSES[rng.integers(1, len(CLASSES))]
        _add(rng, things, *_LEAVES[label], label)
    if rng.random() < 0.6:
        _add(rng, things, *_CLUTTER[rng.integers(2)], CLASSES[0])
    return things


def _add(rng: Generator, things: list[Thing], shape: Any, skin: Any, reach: tuple[float, float], label: str) -> None:
    """Lays one more thing on top where enough of every leaf stays visible; after 10 tries none."""
    for _ in range(10):
        tried = [*things, _lay(rng, shape, skin, reach, label)]
        if min(_visible([each for each in tried if each.label])) >= _SEEN:
            things.append(tried[-1])
            return


def _visible(things: list[Thing]) -> list[float]:
    """For each thing, the share of its area that the photo shows."""
    front = np.zeros((SIZE, SIZE), np.uint8)
    for number, thing in enumerate(things, start=1):
        cv2.fillPoly(front, [np.round(thing.outline).astype(np.int32)], number)
    seen = np.bincount(front.ravel(), minlength=len(things) + 1)[1:]
    return [float(s / cv2.contourArea(each.outline.astype(np.float32))) for s, each in zip(seen, things, strict=True)]


def _lay(rng: Generator, shape: Any, skin: Any, reach: tuple[float, float], label: str) -> Thing:
    x, y = rng.uniform(0.12, 0.88, 2) * SIZE
    pose = Pose((x, y), rng.uniform(*reach) * SIZE, rng.uniform(0, 2 * np.pi), rng.uniform(-0.2, 0.2), bool(rng.integers(2)))
    return Thing(pose, pose.place(shape(rng)), skin, label)


def _polygons(things: list[Thing]) -> list[tuple[str, Points]]:
    """The labelled outlines, cut at the edge of the photo, those in front last; of what hides, that which hides a leaf."""
    found: list[tuple[str, Points]] = []
    for each in (each for each in things if each.label):
        points = np.round(shapes.clip(each.outline, SIZE), 2)
        if len(points) >= 3 and (each.label != CLASSES[0] or any(_iou(points, leaf) > 0 for _, leaf in found)):
            found.append((each.label, points))
    return found


def _annotation(polygons: list[tuple[str, Points]], image: str) -> dict[str, Any]:
    """What labelme saves."""
    shape: dict[str, Any] = {"group_id": None, "description": "", "shape_type": "polygon", "flags": {}, "mask": None}
    drawn = [{"label": label, "points": points.tolist()} | shape for label, points in polygons]
    head: dict[str, Any] = {"version": "5.5.0", "flags": {}, "shapes": drawn, "imagePath": image, "imageData": None}
    return head | {"imageHeight": SIZE, "imageWidth": SIZE}


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8", newline="\n")


def _painted(rng: Generator, things: list[Thing]) -> NDArray[np.uint8]:
    """The photo, (SIZE, SIZE, 3) RGB."""
    side = SIZE * _FINE
    colours, light = textures.palette(rng), rng.uniform(0, 2 * np.pi)
    floor = textures.FLOORS[rng.integers(len(textures.FLOORS))]
    canvas = textures.light_up(floor(rng, colours, side), light)
    for thing in things:
        _paint(rng, canvas, thing, colours, light)
    canvas *= textures.mood(rng, side)[..., None]
    small = cv2.GaussianBlur(cv2.resize(canvas, (SIZE, SIZE), interpolation=cv2.INTER_AREA), (0, 0), rng.uniform(0.3, 0.6))
    grainy = small + rng.normal(0, rng.uniform(0.008, 0.02), small.shape)
    return np.asarray(np.clip(grainy * 255 + 0.5, 0, 255), dtype=np.uint8)


def _paint(rng: Generator, canvas: Field, thing: Thing, colours: Field, light: float) -> None:
    """Paints one thing and its shadow, in the part of the canvas that they need."""
    low = np.clip(thing.outline.min(0) * _FINE - 12, 0, len(canvas)).astype(int)
    high = np.clip(thing.outline.max(0) * _FINE + 12, 0, len(canvas)).astype(int)
    part = canvas[low[1] : high[1], low[0] : high[0]]
    y, x = np.mgrid[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    skin = thing.skin(rng, colours, *thing.pose.local((x + 0.5) / _FINE, (y + 0.5) / _FINE))
    lit = textures.light_up(Surface(skin.colour, skin.relief * np.float32(thing.pose.reach)), light)
    away = 5 * np.array([np.cos(light), np.sin(light)])
    outline = thing.outline * _FINE - low
    part *= 1 - 0.4 * cv2.GaussianBlur(_cover(outline - away, *x.shape), (0, 0), 3)[..., None]
    part += (lit - part) * _cover(outline, *x.shape)[..., None]


def _cover(outline: Points, height: int, width: int) -> Field:
    """How much of each pixel lies inside."""
    canvas = np.zeros((height, width), np.uint8)
    # OpenCV counts from the middle of a pixel.
    cv2.fillPoly(canvas, [np.round((outline - 0.5) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return (canvas / 255).astype(np.float32)


def _oak(rng: Generator) -> Points:
    """Long, with three or four round lobes on each side, and a stalk."""
    wide, n = rng.uniform(0.42, 0.54), rng.integers(3, 5)
    side = []
    for place in np.linspace(0.62, -0.6, n):
        lobe = wide * (1 - 0.35 * abs(place))
        side += [(place + 0.13, lobe * 0.82), (place, lobe), (place - 0.1, lobe * 0.8), (place - 0.2, 0.17)]
    half = [(0.98, 0.12), *side, (-0.86, 0.04), (-1.1, 0.03)]
    return smooth([(x, -y) for x, y in half] + list(reversed(half)))


def _maple(rng: Generator) -> Points:
    """Five pointed lobes that spread from the stalk, each with two teeth."""
    outline = []
    for number, angle in enumerate(np.radians((-118, -60, 0, 60, 118))):
        length = (0.62, 0.88, 1.0, 0.88, 0.62)[number] * rng.uniform(0.94, 1.06)
        for turn, radius in ((-0.26, 0.62), (-0.2, 0.66), (-0.1, 0.72), (0.0, 1.0), (0.1, 0.72), (0.2, 0.66), (0.26, 0.62)):
            outline.append((length * radius * np.cos(angle + turn), length * radius * np.sin(angle + turn)))
        if number < 4:
            between = angle + np.radians(30)
            outline.append((0.34 * np.cos(between), 0.34 * np.sin(between)))
    return smooth([*outline, (-0.3, 0.06), (-0.95, 0.04), (-0.95, -0.04), (-0.3, -0.06)], 3)


def _ginkgo(rng: Generator) -> Points:
    """A fan with a wavy edge, a notch in its middle, and a stalk."""
    half, notch = rng.uniform(1.0, 1.25), rng.uniform(0.45, 0.7)
    angles = np.linspace(-half, half, 15)
    radii = 0.92 + 0.05 * np.sin(angles * 9 + rng.uniform(0, 6))
    radii[7] = notch
    fan = [(r * np.cos(a) - 0.1, r * np.sin(a)) for r, a in zip(radii, angles, strict=True)]
    return smooth([*fan, (-0.18, 0.06), (-1.0, 0.035), (-1.0, -0.035), (-0.18, -0.06)], 3)


def _veined(rng: Generator, colours: Field, u: Field, v: Field) -> Surface:
    """Like a plain leaf, with veins that spread from the stalk."""
    angle = np.arctan2(v, u + np.float32(0.3))
    veins = np.asarray((0.5 + 0.5 * np.cos(angle * 12)) ** 6, np.float32)
    colour = (
        textures.ramp(textures.noise(rng, u.shape[0], u.shape[1], 3), textures.pick(rng, colours, 2))
        * (1 - 0.2 * veins)[..., None]
    )
    return Surface(np.asarray(colour, np.float32), np.asarray(0.02 * veins, np.float32))


_LEAVES = {
    "oak": (_oak, skins.leaf, (0.25, 0.34)),
    "maple": (_maple, _veined, (0.24, 0.33)),
    "ginkgo": (_ginkgo, _veined, (0.24, 0.33)),
}
_CLUTTER = ((shapes.leaf, skins.leaf, (0.14, 0.24)), (shapes.pebble, skins.stone, (0.07, 0.16)))
