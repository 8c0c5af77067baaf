"""The built-in sample: sea animals that differ in shape and marks, hardly in colour, annotated as labelme would.

Each picture is a pure function of (seed, index). It is painted back to front at twice its size; the same outlines,
in the same order, are its annotation. What hides part of an animal is annotated too, as `background`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from segpipe.acquire.sample import shapes, skins, textures
from segpipe.acquire.sample.shapes import Points, Pose
from segpipe.acquire.sample.textures import Field, Surface
from segpipe.reproducibility.seeds import seed_of

CLASSES: tuple[str, ...] = ("background", "fish", "turtle", "starfish", "snail")

_FINE = 2  # painted at this multiple of the size, then averaged down: smooth edges
_EMPTY_EVERY = 19  # one picture in so many has no animal; prime to the number of animals, so that each is missed as often
_SEEN = 0.7  # least share of an animal that stays visible, the picture's edge included
_BLUR, _DIM = 0.009, 0.78  # out of focus: the blur's deviation as a share of the side, and the share of light left
_ANYWHERE = (0.0, 2 * np.pi)  # radians
_UPRIGHT = (-0.45, 0.45)


@dataclass(frozen=True)
class Kind:
    """A kind of thing: its shape, what covers it, half its length as a share of the picture (least, most), and its turn."""

    shape: Callable[[Generator], Points]
    skin: Callable[[Generator, Field, Field, Field], Surface]
    reach: tuple[float, float]
    turn: tuple[float, float] = _ANYWHERE


_ANIMALS = {
    "fish": Kind(shapes.fish, skins.fish, (0.28, 0.36), _UPRIGHT),
    "turtle": Kind(shapes.turtle, skins.turtle, (0.26, 0.33), _UPRIGHT),
    "starfish": Kind(shapes.starfish, skins.starfish, (0.26, 0.33), _UPRIGHT),
    "snail": Kind(shapes.snail, skins.snail, (0.26, 0.33), _UPRIGHT),
}
_CLUTTER = (
    Kind(shapes.pebble, skins.stone, (0.08, 0.2)),
    Kind(shapes.leaf, skins.leaf, (0.08, 0.2)),
    Kind(shapes.blade, skins.leaf, (0.15, 0.3)),
)
_HIDERS = (Kind(shapes.pebble, skins.stone, (0.08, 0.13)), Kind(shapes.blade, skins.leaf, (0.4, 0.6)))


@dataclass(frozen=True)
class Thing:
    """One thing in a picture: its kind, how it lies, its outline in pixels, and its label ("" for clutter, out of focus)."""

    kind: Kind
    pose: Pose
    outline: Points
    label: str


def make(folder: Path, n_images: int, size: int, seed: int) -> None:
    """Writes `n_images` pairs image####.png and image####.json (labelme 5), each picture `size` by `size` pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(n_images):
        rng = np.random.default_rng(seed_of(seed, "sample", index))
        things = _compose(rng, size, index)
        name = f"image{index:04d}"
        _, png = cv2.imencode(".png", _paint(rng, things, size)[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 6])
        (folder / f"{name}.png").write_bytes(png.tobytes())
        text = json.dumps(_annotation(things, f"{name}.png", size), indent=2) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8", newline="\n")


def _compose(rng: Generator, size: int, index: int) -> list[Thing]:
    """The things of one picture, back to front: clutter, animals, and what hides parts of them."""
    clutter = [_lay(rng, size, _CLUTTER[rng.integers(3)], "") for _ in range(rng.integers(2, 6))]
    near: list[Thing] = []
    if index % _EMPTY_EVERY != _EMPTY_EVERY - 1:
        labels = CLASSES[1:]
        # The kinds in turn, so that all are as frequent, and none, one or two more.
        chosen = [index % len(labels), *rng.integers(len(labels), size=rng.choice(3, p=(0.35, 0.4, 0.25)))]
        for number in chosen:
            _add_in_front(rng, near, size, _ANIMALS[labels[number]], labels[number])
    for _ in range(rng.choice(3, p=(0.5, 0.4, 0.1))):
        _add_in_front(rng, near, size, _HIDERS[rng.integers(2)], "background")
    return clutter + near


def _add_in_front(rng: Generator, things: list[Thing], size: int, kind: Kind, label: str) -> None:
    """Adds one more thing to `things`, tried up to 12 times, so that enough of every animal stays visible; else none."""
    for _ in range(12):
        tried = [*things, _lay(rng, size, kind, label)]
        if all(share >= _SEEN for share in _visible_shares(tried, size)):
            things.append(tried[-1])
            return


def _lay(rng: Generator, size: int, kind: Kind, label: str) -> Thing:
    """One thing somewhere, in a random pose."""
    x, y = rng.uniform(0.18, 0.82, 2) * size
    bend, mirror = rng.uniform(-0.25, 0.25), bool(rng.integers(2))
    pose = Pose((x, y), rng.uniform(*kind.reach) * size, rng.uniform(*kind.turn), bend, mirror)
    return Thing(kind, pose, pose.place(kind.shape(rng)), label)


def _visible_shares(things: list[Thing], size: int) -> list[float]:
    """For each animal, the share of its whole area that the picture shows."""
    front = np.zeros((size, size), np.uint8)
    for number, thing in enumerate(things, start=1):
        cv2.fillPoly(front, [np.round(thing.outline).astype(np.int32)], number)
    seen = np.bincount(front.ravel(), minlength=len(things) + 1)[1:]
    whole = [cv2.contourArea(thing.outline.astype(np.float32)) for thing in things]
    return [float(s / w) for s, w, thing in zip(seen, whole, things, strict=True) if thing.label in _ANIMALS]


def _paint(rng: Generator, things: list[Thing], size: int) -> NDArray[np.uint8]:
    """The picture, (size, size, 3) RGB."""
    side = size * _FINE
    colours, light = textures.palette(rng), np.pi * rng.uniform(1.1, 1.5)
    floor = textures.FLOORS[rng.integers(len(textures.FLOORS))]
    canvas = textures.light_up(floor(rng, colours, side), light)
    for thing in (thing for thing in things if not thing.label):
        _paint_thing(rng, canvas, thing, colours, light)
    canvas = _blur(canvas, _BLUR * side) * np.float32(_DIM)
    for thing in (thing for thing in things if thing.label):
        _paint_thing(rng, canvas, thing, colours, light)
    canvas *= textures.mood(rng, side)[..., None]
    small = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    soft = _blur(small, rng.uniform(0.25, 0.4))
    grainy = soft + rng.normal(0, rng.uniform(0.005, 0.012), soft.shape)
    return np.asarray(np.clip(grainy * 255 + 0.5, 0, 255), dtype=np.uint8)


def _paint_thing(rng: Generator, canvas: Field, thing: Thing, colours: Field, light: float) -> None:
    """Paints one thing and its shadow onto the canvas: animals sharp, what hides them as dim and blurred as the floor."""
    reach = thing.pose.reach * _FINE
    # With room for the shadow and for blurred edges.
    low = np.clip(thing.outline.min(0) * _FINE - 0.2 * reach - 4, 0, len(canvas)).astype(int)
    high = np.clip(thing.outline.max(0) * _FINE + 0.2 * reach + 4, 0, len(canvas)).astype(int)
    part = canvas[low[1] : high[1], low[0] : high[0]]
    y, x = np.mgrid[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    skin = thing.kind.skin(rng, colours, *thing.pose.local((x + 0.5) / _FINE, (y + 0.5) / _FINE))
    outline = thing.outline * _FINE - low
    cover = _cover(outline, *x.shape)
    colour = _shaded(skin, cover, reach, light)
    if thing.label in _ANIMALS:
        rim = np.clip(3.6 - 4 * _blur(cover, 0.025 * reach), 0, 1)[..., None]
        colour += np.float32(0.5) * rim * (1 - colour)
    elif thing.label:
        colour, cover = _blur(colour, _BLUR * len(canvas)) * np.float32(_DIM), _blur(cover, _BLUR / 2 * len(canvas))
    away = -0.09 * reach * np.array([np.cos(light), np.sin(light)])
    part *= 1 - 0.45 * _blur(_cover(outline + away, *x.shape), 0.06 * reach)[..., None]
    part += (colour - part) * cover[..., None]


def _shaded(skin: Surface, cover: Field, reach: float, light: float) -> Field:
    """The skin's colours on a body that rounds off towards its outline, (h, w, 3)."""
    dome = _blur(cover, max(1.0, 0.05 * reach)) + _blur(cover, max(1.0, 0.16 * reach))
    return textures.light_up(Surface(skin.colour, np.asarray((skin.relief + 0.12 * dome) * reach, dtype=np.float32)), light)


def _cover(outline: Points, height: int, width: int) -> Field:
    """How much of each pixel the thing covers, 0 .. 1: drawn four times as fine, then averaged.

    labelme fills every pixel that an outline touches, about a quarter of a pixel more all round: so does the line drawn here.
    """
    fine = np.zeros((height * 4, width * 4), np.uint8)
    # OpenCV counts from the middle of a pixel, and takes 16ths of it by `shift`.
    points = [np.round((outline * 4 - 0.5) * 16).astype(np.int32)]
    cv2.fillPoly(fine, points, 255, shift=4)
    cv2.polylines(fine, points, True, 255, thickness=2 * _FINE, shift=4)
    return np.asarray(cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA), dtype=np.float32) / np.float32(255)


def _blur(field: Field, sigma: float) -> Field:
    return np.asarray(cv2.GaussianBlur(field, (0, 0), sigma), dtype=np.float32)


def _annotation(things: list[Thing], image_name: str, size: int) -> dict[str, Any]:
    """What labelme would have saved: whole outlines cut at the picture's edge, those in front last; none without an animal."""
    labelled = [thing for thing in things if thing.label]
    if not any(thing.label in _ANIMALS for thing in labelled):
        labelled = []
    polygons = [(thing.label, np.round(shapes.clip(thing.outline, size), 2).tolist()) for thing in labelled]
    return {
        "version": "5.5.0",
        "flags": {},
        "shapes": [
            {"label": label, "points": points, "group_id": None, "shape_type": "polygon", "flags": {}}
            for label, points in polygons
            if len(points) >= 3
        ],
        "imagePath": image_name,
        "imageData": None,
        "imageHeight": size,
        "imageWidth": size,
    }
