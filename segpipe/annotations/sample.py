"""The built-in sample: pictures of sea animals that can be told by shape but not by colour, annotated as labelme would.

Each picture is a pure function of (seed, index). It is painted back to front at twice its size; the same outlines,
in the same order, are its annotation. What hides an animal is annotated too, as `background`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator

from segpipe.annotations import sample_shapes as shapes
from segpipe.annotations import sample_textures as textures
from segpipe.annotations.sample_shapes import Points, Pose
from segpipe.annotations.sample_textures import Field, Surface
from segpipe.randomness import seed_of

CLASSES: tuple[str, ...] = ("background", "fish", "turtle", "starfish", "snail")

_FINE = 2  # painted at this multiple of the size, then averaged down: smooth edges
_EMPTY_EVERY = 20  # one picture in so many has no animal
_SEEN = 0.7  # least share of an animal that must stay visible

Shape = Callable[[Generator], Points]
Skin = Callable[[Generator, Field, Field, Field], Surface]

_ANIMALS: dict[str, tuple[Shape, Skin]] = {
    "fish": (shapes.fish, textures.fish_skin),
    "turtle": (shapes.turtle, textures.turtle_skin),
    "starfish": (shapes.starfish, textures.starfish_skin),
    "snail": (shapes.snail, textures.snail_skin),
}
_PEBBLE: tuple[Shape, Skin] = (shapes.pebble, textures.mottled)
_LEAF: tuple[Shape, Skin] = (shapes.leaf, textures.leaf_skin)
_BLADE: tuple[Shape, Skin] = (shapes.blade, textures.leaf_skin)


@dataclass(frozen=True)
class Thing:
    """One thing in a picture: its outline in pixels, how it lies, what covers it, and its label ("" is never annotated)."""

    label: str
    outline: Points
    pose: Pose
    skin: Skin


def make(folder: Path, n_images: int, size: int, seed: int) -> None:
    """Writes `n_images` pairs image####.png and image####.json (labelme 5), each picture `size` by `size` pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(n_images):
        rng = np.random.default_rng(seed_of(seed, "sample", index))
        things = _compose(rng, size, index)
        image = _paint(rng, things, size)
        name = f"image{index:04d}"
        _, png = cv2.imencode(".png", image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 6])
        (folder / f"{name}.png").write_bytes(png.tobytes())
        text = json.dumps(_annotation(things, f"{name}.png", size), indent=2) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8", newline="\n")


def _compose(rng: Generator, size: int, index: int) -> list[Thing]:
    """The things of one picture, back to front: clutter, animals, and what hides parts of them."""
    things = [_lay(rng, size, "", *_pick_clutter(rng), (0.08, 0.2)) for _ in range(rng.integers(2, 6))]
    if index % _EMPTY_EVERY == _EMPTY_EVERY // 2:
        return [*things, *(_lay(rng, size, "", *_BLADE, (0.3, 0.6)) for _ in range(2))]
    animals: list[Thing] = []
    first = index % len(_ANIMALS)
    for label in [list(_ANIMALS)[first], *rng.choice(list(_ANIMALS), rng.choice(3, p=(0.3, 0.4, 0.3)))]:
        _add_if_seen(rng, animals, lambda label=label: _lay(rng, size, label, *_ANIMALS[label], (0.24, 0.31), (-0.5, 0.5)), size)
    for _ in range(rng.choice(3, p=(0.35, 0.45, 0.2))):
        hider, reach = ((_BLADE), (0.35, 0.6)) if rng.random() < 0.65 else ((_PEBBLE), (0.08, 0.14))
        _add_if_seen(rng, animals, lambda hider=hider, reach=reach: _lay(rng, size, "background", *hider, reach), size)
    return things + animals


def _pick_clutter(rng: Generator) -> tuple[Shape, Skin]:
    return (_PEBBLE, _LEAF, _BLADE)[int(rng.choice(3, p=(0.45, 0.4, 0.15)))]


def _lay(rng: Generator, size: int, label: str, shape: Shape, skin: Skin, reach: tuple[float, float], turn: tuple[float, float] = (0, 6.283)) -> Thing:
    """One thing somewhere, in a random pose; `reach` bounds half its length, as a share of `size`."""
    centre = rng.uniform(0.18, 0.82, 2) * size
    bend = rng.uniform(-0.25, 0.25)
    pose = Pose((centre[0], centre[1]), rng.uniform(*reach) * size, rng.uniform(*turn), bend, bool(rng.integers(2)))
    return Thing(label, pose.place(shape(rng)), pose, skin)


def _add_if_seen(rng: Generator, things: list[Thing], lay: Callable[[], Thing], size: int) -> None:
    """Adds a new thing in front, tried up to 12 times, so that enough of every animal stays visible."""
    for _ in range(12):
        tried = [*things, lay()]
        if all(share >= _SEEN for share in _visible_shares(tried, size)):
            things.append(tried[-1])
            return


def _visible_shares(things: list[Thing], size: int) -> list[float]:
    """For each animal, the share of its whole area that the picture shows."""
    seen = np.zeros((size, size), np.uint8)
    for number, thing in enumerate(things, start=1):
        cv2.fillPoly(seen, [np.round(thing.outline).astype(np.int32)], number)
    counts = np.bincount(seen.ravel(), minlength=len(things) + 1)[1:]
    pairs = zip(counts, things, strict=True)
    return [count / cv2.contourArea(thing.outline.astype(np.float32)) for count, thing in pairs if thing.label in _ANIMALS]


def _paint(rng: Generator, things: list[Thing], size: int) -> np.ndarray:
    """The picture, (size, size, 3) RGB uint8."""
    side = size * _FINE
    colours, light = textures.palette(rng), np.pi * rng.uniform(1.1, 1.5)
    floor = textures.FLOORS[int(rng.integers(len(textures.FLOORS)))]
    canvas = textures.light_up(floor(rng, colours, side), light)
    for thing in things:
        if not thing.label:
            _paint_thing(rng, canvas, thing, colours, light)
    canvas = cv2.GaussianBlur(canvas, (0, 0), side / 130) * np.float32(0.75)
    for thing in things:
        if thing.label:
            _paint_thing(rng, canvas, thing, colours, light)
    canvas *= textures.mood(rng, side)[..., None]
    small = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), rng.uniform(0.35, 0.6))
    grainy = soft + rng.normal(0, rng.uniform(0.008, 0.02), soft.shape)
    return np.asarray(np.clip(grainy * 255 + 0.5, 0, 255), dtype=np.uint8)


def _paint_thing(rng: Generator, canvas: Field, thing: Thing, colours: Field, light: float) -> None:
    """Paints one thing and its shadow onto the canvas."""
    side, reach = len(canvas), thing.pose.reach * _FINE
    margin = int(0.2 * reach) + 4
    low = np.clip(np.floor(thing.outline.min(0) * _FINE).astype(int) - margin, 0, side)
    high = np.clip(np.ceil(thing.outline.max(0) * _FINE).astype(int) + margin, 0, side)
    if (high - low).min() < 2:
        return
    part = canvas[low[1] : high[1], low[0] : high[0]]
    cover = _cover(thing.outline * _FINE - low, part.shape[0], part.shape[1])
    y, x = np.mgrid[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    u, v = thing.pose.local((x + 0.5) / _FINE, (y + 0.5) / _FINE)
    skin = thing.skin(rng, colours, u, v)
    dome = cv2.GaussianBlur(cover, (0, 0), max(0.8, 0.07 * reach)) + cv2.GaussianBlur(cover, (0, 0), max(1.0, 0.16 * reach))
    relief = np.asarray((skin.relief + 0.16 * dome) * reach, dtype=np.float32)
    lit = textures.light_up(Surface(skin.colour, relief), light)
    away = -0.09 * reach * np.array([np.cos(light), np.sin(light)])
    shadow = cv2.GaussianBlur(_cover(thing.outline * _FINE - low + away, *cover.shape), (0, 0), 0.06 * reach)
    part *= 1 - 0.5 * shadow[..., None]
    part += (lit - part) * cover[..., None]


def _cover(outline: Points, height: int, width: int) -> Field:
    """How much of each pixel lies within the outline, 0 .. 1: drawn four times as fine, then averaged."""
    fine = np.zeros((height * 4, width * 4), np.uint8)
    cv2.fillPoly(fine, [np.round((outline * 4 - 0.5) * 16).astype(np.int32)], 255, shift=4)
    return np.asarray(cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA), dtype=np.float32) / np.float32(255)


def _annotation(things: list[Thing], image_name: str, size: int) -> dict[str, Any]:
    """What labelme would have saved: whole outlines, cut at the picture's edge, those in front last."""
    labelled = [(thing.label, shapes.clip(thing.outline, size)) for thing in things if thing.label]
    return {
        "version": "5.5.0",
        "flags": {},
        "shapes": [
            {
                "label": label,
                "points": np.round(points, 2).tolist(),
                "group_id": None,
                "shape_type": "polygon",
                "flags": {},
            }
            for label, points in labelled
            if len(points) >= 3
        ],
        "imagePath": image_name,
        "imageData": None,
        "imageHeight": size,
        "imageWidth": size,
    }
