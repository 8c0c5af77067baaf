"""What made images are drawn with: noise and textures, light, lenses and sensors, strokes and outlines."""

from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Field = NDArray[np.float32]
"""(H, W) or (H, W, 3) RGB values in 0 .. 1, where not said otherwise."""
Mask = NDArray[np.uint8]
Colour = tuple[float, float, float]


def noise(rng: Generator, height: int, width: int, cell: float) -> Field:
    """Smooth noise of mean 0 and deviation near 1, whose bumps are `cell` pixels wide."""
    rows, columns = max(2, round(height / cell) + 2), max(2, round(width / cell) + 2)
    small = rng.standard_normal((rows, columns)).astype(np.float32)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)


def clouds(rng: Generator, height: int, width: int, largest: float, smallest: float) -> Field:
    """Noise at every size from `largest` to `smallest` pixels, half as strong at each half."""
    total, cell, strength = np.zeros((height, width), np.float32), largest, 1.0
    while cell >= smallest:
        total += strength * noise(rng, height, width, cell)
        cell, strength = cell / 2, strength / 2
    return total / 1.15


def texture(rng: Generator, height: int, width: int, colours: tuple[Colour, Colour], largest: float, smallest: float) -> Field:
    """Between two colours by clouds."""
    share = np.clip(0.5 + 0.35 * clouds(rng, height, width, largest, smallest), 0, 1)[..., None]
    first, second = (np.array(each, np.float32) for each in colours)
    return (first + (second - first) * share).astype(np.float32)


def light(rng: Generator, height: int, width: int, strength: float) -> Field:
    """A factor of the light: a slope in some direction and a wide bump."""
    angle = rng.uniform(0, 2 * np.pi)
    rows, columns = np.linspace(-1, 1, height, dtype=np.float32)[:, None], np.linspace(-1, 1, width, dtype=np.float32)
    slope = np.cos(angle) * columns + np.sin(angle) * rows
    return (1 + strength * (0.6 * slope + 0.4 * noise(rng, height, width, max(height, width) / 2))).astype(np.float32)


def exposed(rng: Generator, scene: Field, blur: float, grain: float) -> NDArray[np.uint8]:
    """The scene as a sensor has it: blurred a little, with grain that is stronger where there is more light, in 8 bits."""
    scene = cv2.GaussianBlur(scene, (0, 0), blur) if blur else scene
    grains = rng.standard_normal(scene.shape, dtype=np.float32) * grain * np.sqrt(0.15 + np.clip(scene, 0, 1))
    return np.asarray(np.clip((scene + grains) * 255 + 0.5, 0, 255)).astype(np.uint8)


def painted(scene: Field, cover: Field, colour: Any, strength: float = 1.0) -> None:
    """Lays a colour, (3,) or (H, W, 3), over the scene where `cover`, (H, W) in 0 .. 1, says."""
    share = strength * cover if scene.ndim == 2 else strength * cover[..., None]
    scene += share * (np.asarray(colour, np.float32) - scene)


def filled(height: int, width: int, outline: Any) -> Field:
    """(H, W): 1 inside the outline (n, 2) of x and y, 0 outside, and between along its smooth edge."""
    cover = np.zeros((height, width), np.uint8)
    cv2.fillPoly(cover, [np.round(np.asarray(outline) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return (cover / 255).astype(np.float32)


def walk(rng: Generator, start: Any, angle: float, length: float, step: float, bend: float) -> NDArray[np.float64]:
    """A path (n, 2) that changes its direction by about `bend` radians each step, slowly."""
    count = max(2, int(length / step))
    turns = np.convolve(rng.standard_normal(count) * bend, np.ones(4) / 2, "same")
    angles = angle + np.cumsum(turns)
    return np.asarray(start) + step * np.cumsum(np.stack([np.cos(angles), np.sin(angles)], axis=1), axis=0)


def stroke(picture: NDArray[Any], path: Any, value: float, width: int, smooth: bool = True) -> None:
    """Draws the path into a picture of one channel."""
    points = np.round(np.asarray(path) * 16).astype(np.int32)
    cv2.polylines(picture, [points], False, float(value), int(width), cv2.LINE_AA if smooth else cv2.LINE_8, 4)


def lumpy(rng: Generator, centre: Any, radius: float, stretch: float, lumps: float, points: int = 64) -> NDArray[np.float64]:
    """A closed outline (n, 2): an ellipse turned somehow, with smooth lumps of that share of its radius."""
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
    radii = np.ones(points)
    for wave in range(2, 7):
        radii += lumps * rng.standard_normal() / wave * np.cos(wave * angles + rng.uniform(0, 2 * np.pi))
    x, y, turn = radius * radii * np.cos(angles) * stretch, radius * radii * np.sin(angles) / stretch, rng.uniform(0, 2 * np.pi)
    return np.asarray(centre) + np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], axis=1)


def rectangle(centre: Any, width: float, height: float, turn: float) -> NDArray[np.float64]:
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.array([width, height]) / 2
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return np.asarray(centre) + corners @ rotation


def around(place: Any, reach: float, height: int, width: int) -> tuple[slice, slice, NDArray[np.float64]]:
    """The rows and columns within reach of a place, and the place in them."""
    left, top = (max(0, int(each - reach)) for each in place)
    return slice(top, min(height, int(place[1] + reach))), slice(left, min(width, int(place[0] + reach))), place - (left, top)
