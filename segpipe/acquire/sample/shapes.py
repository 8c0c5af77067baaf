"""Outlines: what an animal, a pebble or a leaf looks like from above, and where it lies in the picture.

An outline is an (n, 2) array of x, y. A shape is drawn around (0, 0), looks along +x and is about 2 long.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Points = NDArray[np.float64]
Grid = NDArray[np.float32]


@dataclass(frozen=True)
class Pose:
    """Where a shape lies: `centre` and `reach` (half its length) in pixels, `angle` in radians, `bend` as a parabola's factor."""

    centre: tuple[float, float]
    reach: float
    angle: float
    bend: float = 0.0
    mirror: bool = False

    def place(self, outline: Points) -> Points:
        """The outline in pixels, rounded to a hundredth, as it is written down."""
        x, y = outline[:, 0], outline[:, 1] + self.bend * outline[:, 0] ** 2
        x = -x if self.mirror else x
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        turned = np.stack([cos * x - sin * y, sin * x + cos * y], axis=1)
        return np.round(turned * self.reach + self.centre, 2)

    def local(self, x: Grid, y: Grid) -> tuple[Grid, Grid]:
        """The way back: for pixel positions, where they lie in the unplaced shape."""
        x, y = (
            (x - np.float32(self.centre[0])) / np.float32(self.reach),
            (y - np.float32(self.centre[1])) / np.float32(self.reach),
        )
        cos, sin = np.float32(np.cos(self.angle)), np.float32(np.sin(self.angle))
        along, across = cos * x + sin * y, cos * y - sin * x
        along = -along if self.mirror else along
        return along, across - np.float32(self.bend) * along**2


def fish(rng: Generator) -> Points:
    """A body that tapers to a forked tail, with one fin above and one below."""
    depth, tail, fin = rng.uniform(0.85, 1.2), rng.uniform(0.36, 0.5), rng.uniform(0.46, 0.58)
    upper = [(0.98, -0.06), (0.72, -0.26), (0.38, -0.38), (0.02, -fin), (-0.3, -0.3), (-0.58, -0.13)]
    back = [(-0.82, -0.28), (-1.0, -tail), (-0.84, 0.0), (-1.0, tail), (-0.82, 0.28)]
    lower = [(-0.58, 0.13), (-0.28, 0.3), (-0.06, fin), (0.22, 0.36), (0.72, 0.24), (0.98, 0.06)]
    return smooth([(x, y * depth) for x, y in upper] + back + [(x, y * depth) for x, y in lower])


def turtle(rng: Generator) -> Points:
    """A round shell with a head, two long fore flippers that sweep back and two short hind ones."""
    wide, sweep = rng.uniform(0.92, 1.05), rng.uniform(-0.12, 0.15)
    head = [(1.02, 0.1), (0.92, 0.2), (0.7, 0.16)]
    fore = [(0.54, 0.38), (0.46 + sweep / 2, 0.74), (0.2 + sweep, 1.04), (0.02 + sweep, 1.0), (0.12 + sweep / 2, 0.74)]
    hind = [(0.1, 0.57), (-0.26, 0.53), (-0.6, 0.68), (-0.84, 0.66), (-0.82, 0.44), (-0.7, 0.24), (-0.86, 0.06)]
    half = [(x, y * wide) for x, y in head + fore + hind]
    return smooth([(x, -y) for x, y in half] + list(reversed(half)))


def starfish(rng: Generator) -> Points:
    """Five blunt arms of slightly different length and direction."""
    control = []
    waist, width = rng.uniform(0.34, 0.44), rng.uniform(0.15, 0.2)
    for arm in range(5):
        angle, length = 2 * np.pi * arm / 5 + rng.uniform(-0.12, 0.12), rng.uniform(0.88, 1.06)
        for turn, radius in [(-width, 0.86 * length), (0.0, length), (width, 0.86 * length)]:
            control.append((radius * np.cos(angle + turn), radius * np.sin(angle + turn)))
        valley = 2 * np.pi * (arm + 0.5) / 5
        control.append((waist * np.cos(valley), waist * np.sin(valley)))
    return smooth(control)


def snail(rng: Generator) -> Points:
    """A round shell on a long foot, with a raised head in front."""
    radius, lift = rng.uniform(0.52, 0.62), rng.uniform(-0.06, 0.08)
    turns = np.radians(np.arange(-25, -191, -27.0))
    shell = [(-0.14 + radius * np.cos(turn), -0.1 + radius * np.sin(turn)) for turn in turns]
    head = [(0.9, 0.56), (1.02, 0.3 + lift), (1.0, -0.08 + lift), (0.8, -0.16 + lift), (0.62, 0.1)]
    return smooth([(-1.02, 0.54), (-0.6, 0.62), (0.2, 0.62), *head, *shell, (-0.74, 0.3)])


def pebble(rng: Generator) -> Points:
    """A rounded stone."""
    angles = np.linspace(0, 2 * np.pi, 9)[:-1] + rng.uniform(-0.2, 0.2, 8)
    radii, flat = rng.uniform(0.8, 1.05, 8), rng.uniform(0.6, 0.95)
    return smooth([(r * np.cos(a), flat * r * np.sin(a)) for a, r in zip(angles, radii, strict=True)])


def leaf(rng: Generator) -> Points:
    """A leaf, pointed at both ends: as long as a fish, without its tail."""
    wide = rng.uniform(0.26, 0.42)
    side = [(0.6, 0.6 * wide), (0.1, wide), (-0.5, 0.7 * wide)]
    return smooth([(1.0, 0.0), *[(x, -y) for x, y in side], (-1.0, 0.0), *[(x, y) for x, y in reversed(side)]])


def blade(rng: Generator) -> Points:
    """A long wavy ribbon of kelp."""
    x = np.linspace(-1, 1, 9)
    middle = rng.uniform(0.04, 0.1) * np.sin(rng.uniform(2, 5) * x + rng.uniform(0, 6))
    half = rng.uniform(0.075, 0.11) * np.sqrt(1.06 - x**2)
    upper, lower = zip(x, middle - half, strict=True), zip(x, middle + half, strict=True)
    return smooth([*upper, *reversed(list(lower))])


def smooth(control: list[tuple[float, float]], steps: int = 5) -> Points:
    """A closed curve (Catmull-Rom) through the control points, with `steps` points from each to the next."""
    p1 = np.array(control, dtype=np.float64)[:, None, :]
    p0, p2, p3 = np.roll(p1, 1, axis=0), np.roll(p1, -1, axis=0), np.roll(p1, -2, axis=0)
    t = (np.arange(steps) / steps)[None, :, None]
    # Twice the curve, so that its coefficients are whole numbers.
    curve = 2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    return np.asarray(curve.reshape(-1, 2) / 2, dtype=np.float64)


def clip(points: Points, size: int) -> Points:
    """The part of a polygon inside the square 0 .. size (Sutherland and Hodgman); (0, 2) where nothing is inside."""
    for axis in (0, 1):
        for limit, sign in ((0.0, 1.0), (float(size), -1.0)):
            inside = sign * (points[:, axis] - limit)
            kept: list[Points] = []
            for here, there, a, b in zip(points, np.roll(points, -1, axis=0), inside, np.roll(inside, -1), strict=True):
                if a >= 0:
                    kept.append(here)
                if a * b < 0:  # the edge crosses the limit
                    kept.append(here + (there - here) * (a / (a - b)))
            points = np.array(kept, dtype=np.float64).reshape(-1, 2)
    return points
