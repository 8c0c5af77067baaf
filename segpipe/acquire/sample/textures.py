"""Textures: colours and noise from random numbers, the sea floors made of them, and the light that falls on them.

A colour field is (h, w, 3) RGB 0 .. 1, a relief is (h, w) in pixels of height, both float32.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Field = NDArray[np.float32]

# Everything in one picture, animal or not, draws from one palette, so that colour does not separate the classes.
PALETTES = (
    ("#16505e", "#2f8f86", "#dcbf77", "#e0a06a", "#c9674e", "#2c4650"),
    ("#12597a", "#1f7f88", "#3f9f8f", "#e2e0b8", "#bfa79c", "#6a6d58"),
    ("#313d22", "#66703f", "#cf9d62", "#a9672f", "#e9e2c4", "#3f5545"),
    ("#665674", "#a5606f", "#cf6e6d", "#dda689", "#3c5470", "#e5c48e"),
    ("#44475f", "#7ba691", "#cd775f", "#e6e2cf", "#5d7577", "#e0be88"),
    ("#4a5157", "#6d757c", "#a6adb3", "#8792a5", "#a98666", "#78543c"),
)


# What the kinds of animals tend to: fish, turtle, starfish, snail. The sea floor and its clutter wear these too.
TINTS = np.array([(0.5, 0.7, 0.9), (0.25, 0.45, 0.2), (0.75, 0.3, 0.15), (1.0, 0.88, 0.62)], dtype=np.float32)


@dataclass(frozen=True)
class Surface:
    """What light falls on: colour (h, w, 3) and relief (h, w)."""

    colour: Field
    relief: Field


def palette(rng: Generator) -> Field:
    """One picture's ten colours, (10, 3), each a little off."""
    names = PALETTES[int(rng.integers(len(PALETTES)))]
    colours = [[int(name[i : i + 2], 16) / 255 for i in (1, 3, 5)] for name in names]
    return np.asarray(np.clip(np.concatenate([colours, TINTS]) + rng.normal(0, 0.025, (10, 3)), 0.05, 0.95), dtype=np.float32)


def pick(rng: Generator, colours: Field, count: int) -> Field:
    """`count` different colours, (count, 3)."""
    return np.asarray(rng.permutation(colours)[:count], dtype=np.float32)


def ramp(values: Field, colours: Field) -> Field:
    """Values 0 .. 1 as colours, blended from the first to the last: (h, w, 3)."""
    stops = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(values, stops, colours[:, i]) for i in range(3)], axis=-1).astype(np.float32)


def noise(rng: Generator, height: int, width: int, cells: float, octaves: int = 3) -> Field:
    """Smooth random hills 0 .. 1, (height, width): about `cells` a side, then finer and fainter octaves."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        n = int(cells * 2**octave) + 2
        grid = rng.random((n, n), dtype=np.float32) - np.float32(0.5)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) * np.float32(0.5**octave)
    return np.asarray(np.clip(total * np.float32(0.9) + np.float32(0.5), 0, 1), dtype=np.float32)


def waves(phase: Field) -> Field:
    """Soft stripes 0 .. 1, one for each unit of phase."""
    return np.asarray(0.5 + 0.5 * np.sin(2 * np.pi * phase), dtype=np.float32)


def light_up(surface: Surface, angle: float) -> Field:
    """The colours as they look under light that comes from `angle` (radians): slopes towards it are bright."""
    # Sobel's weights add up to 8: so these are slopes, in pixels of height a pixel.
    slope_x = cv2.Sobel(surface.relief, cv2.CV_32F, 1, 0, scale=0.125)
    slope_y = cv2.Sobel(surface.relief, cv2.CV_32F, 0, 1, scale=0.125)
    towards = np.float32(np.cos(angle)) * slope_x + np.float32(np.sin(angle)) * slope_y
    bright = (1 + np.float32(0.62) * towards) / np.sqrt(1 + np.float32(0.6) * (slope_x**2 + slope_y**2))
    return np.asarray(surface.colour * np.clip(bright, 0.35, 1.5)[..., None], dtype=np.float32)


# Sea floors: each takes (rng, colours, side) and covers a square of `side` pixels.


def sand(rng: Generator, colours: Field, side: int) -> Surface:
    """Rippled sand."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / np.float32(side)
    angle, count = rng.uniform(0, np.pi), rng.uniform(6, 13)
    warp = noise(rng, side, side, 3)
    ripples = waves(np.float32(count) * (x * np.cos(angle) + y * np.sin(angle)) + 2 * warp)
    grain = noise(rng, side, side, side / 5, 2)
    mixed = 0.55 * warp + 0.2 * ripples + 0.25 * grain
    relief = (ripples * np.float32(rng.uniform(0.008, 0.016)) + grain * np.float32(0.008)) * side
    return Surface(ramp(mixed, pick(rng, colours, 3)), np.asarray(relief, dtype=np.float32))


def cobbles(rng: Generator, colours: Field, side: int) -> Surface:
    """Stones that touch, each of its own colour."""
    seeds = np.full((side, side), 255, np.uint8)
    at = rng.integers(0, side, (int(rng.integers(40, 140)), 2))
    seeds[at[:, 0], at[:, 1]] = 0
    _, labels = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    above, left = np.vstack([labels[:1], labels[:-1]]), np.hstack([labels[:, :1], labels[:, :-1]])
    joints = (labels != above) | (labels != left)
    inner = cv2.distanceTransform(np.where(joints, 0, 255).astype(np.uint8), cv2.DIST_L2, 5) / np.float32(side)
    dome = cv2.GaussianBlur(np.sqrt(np.minimum(inner, np.float32(0.05))), (0, 0), side / 180)
    stone = rng.random(int(labels.max()) + 1, dtype=np.float32)[labels]
    colour = ramp(0.7 * stone + 0.3 * noise(rng, side, side, side / 8), pick(rng, colours, 3))
    return Surface(colour * (0.5 + 0.5 * np.minimum(dome / np.float32(0.12), 1))[..., None], dome * np.float32(0.16 * side))


def meadow(rng: Generator, colours: Field, side: int) -> Surface:
    """Sea grass, blade over blade."""
    values = np.asarray(noise(rng, side, side, 4) * 160, dtype=np.uint8)
    lean = rng.uniform(0, np.pi)
    for _ in range(220):
        start, turn = rng.uniform(-0.1, 1.1, 2) * side, lean + rng.normal(0, 0.35)
        steps = np.linspace(0, rng.uniform(0.08, 0.25) * side, 5)[:, None]
        bend = rng.normal(0, 0.25) * steps**2 / (0.2 * side)
        line = start + steps * [np.cos(turn), np.sin(turn)] + bend * [-np.sin(turn), np.cos(turn)]
        width = max(1, round(side * rng.uniform(0.008, 0.02)))
        # in eighths of a pixel
        cv2.polylines(values, [np.round(line * 8).astype(np.int32)], False, int(rng.integers(30, 250)), width, cv2.LINE_AA, 3)
    level = values.astype(np.float32) / np.float32(255)
    return Surface(ramp(level, pick(rng, colours, 3)), cv2.GaussianBlur(level, (0, 0), side / 250) * np.float32(0.012 * side))


def reef(rng: Generator, colours: Field, side: int) -> Surface:
    """Patches of crust with soft borders, as on old coral."""
    hills = noise(rng, side, side, rng.uniform(3, 8), 4)
    steps = rng.uniform(3, 5)
    terrace = np.floor(hills * np.float32(steps)) + waves(hills * np.float32(steps) - np.float32(0.25)) ** 4
    crust = noise(rng, side, side, side / 6, 2)
    mixed = np.asarray(terrace / np.float32(steps) * 0.75 + 0.25 * crust, dtype=np.float32)
    relief = (0.1 * hills + 0.012 * crust) * np.float32(side)
    return Surface(ramp(mixed, pick(rng, colours, 4)), np.asarray(relief, dtype=np.float32))


FLOORS = (sand, cobbles, meadow, reef)


def mood(rng: Generator, side: int) -> Field:
    """The light of the whole picture, (side, side) around 1: brighter to one side, with the net that waves throw."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / np.float32(side) - np.float32(0.5)
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.float32(rng.uniform(0.05, 0.3)) * (np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y)
    net = 1 - 2 * np.abs(noise(rng, side, side, rng.uniform(3, 7), 2) - np.float32(0.5))
    return np.asarray(0.95 + slope + np.float32(rng.uniform(0, 0.3)) * (net**6 - np.float32(0.2)), dtype=np.float32)
