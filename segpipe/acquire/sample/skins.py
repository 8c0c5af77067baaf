"""Skins: what covers an animal, a stone or a leaf.

Each takes (rng, colours, u, v), where u and v say where a pixel lies in the unplaced shape, and gives that part's surface.
Its relief is in the shape's own units. The marks distinguish the kinds, hardly the colours: every body is
of the picture's palette, pulled a little towards its kind's own tint.
"""

import numpy as np
from numpy.random import Generator

from segpipe.acquire.sample.textures import TINTS, Field, Surface, noise, pick, ramp, waves

_TINT = (0.45, 0.85)  # how far a body's colour may lie from the palette's (0) towards its kind's tint (1)


def stone(rng: Generator, colours: Field, u: Field, v: Field) -> Surface:
    """Clouds of colour, or stripes: what stones wear."""
    clouds = noise(rng, u.shape[0], u.shape[1], 3)
    stripes = waves(np.float32(rng.uniform(1, 2.5)) * v + clouds)
    share = np.float32(rng.choice((0.0, 0.5)))
    return Surface(ramp(clouds * (1 - share) + stripes * share, pick(rng, colours, 3)), 0.03 * clouds)


def leaf(rng: Generator, colours: Field, u: Field, v: Field) -> Surface:
    """A midrib with slanted veins."""
    veins = waves(4 * u + 5 * np.abs(v)) ** 4
    rib = np.exp(-((v / np.float32(0.04)) ** 2))
    shade = 1 - 0.25 * np.maximum(rib, 0.5 * veins)
    colour = ramp(noise(rng, u.shape[0], u.shape[1], 3), pick(rng, colours, 2)) * shade[..., None]
    return Surface(np.asarray(colour, dtype=np.float32), np.asarray(0.02 * veins - 0.05 * rib, dtype=np.float32))


def fish(rng: Generator, colours: Field, u: Field, v: Field) -> Surface:
    """Bands across the body, a gill and an eye."""
    clouds = noise(rng, u.shape[0], u.shape[1], 3)
    bands = waves(np.float32(rng.uniform(1.8, 2.6)) * u + np.float32(0.35) * clouds)
    gill = np.exp(-(((np.hypot(u - np.float32(0.98), v) - np.float32(0.5)) / np.float32(0.035)) ** 2)) * (np.abs(v) < 0.26)
    marks = np.clip(3 * bands - 1, 0, 1) * (np.abs(u + np.float32(0.05)) < 0.5)
    colour = _marked(rng, colours, marks, clouds, TINTS[0], 0) * (1 - 0.3 * gill)[..., None]
    return _with_eye(Surface(colour, -0.04 * gill), u, v, (0.72, -0.08), 0.1)


def turtle(rng: Generator, colours: Field, u: Field, v: Field) -> Surface:
    """Shell plates between seams, and two eyes."""
    shell = np.hypot((u + np.float32(0.08)) / np.float32(0.72), v / np.float32(0.56))
    inside = np.clip((1 - shell) * 14, 0, 1)
    spokes = np.abs(np.sin(np.float32(3.5) * np.arctan2(v, u + np.float32(0.08)))) * shell
    seam = np.maximum(_line(shell - np.float32(0.45), 0.06), _line(spokes, 0.1) * (shell > 0.45))
    seam = np.maximum(seam, _line(shell - np.float32(0.9), 0.07)) * inside
    scales = np.clip(1.6 * waves(5 * u) * waves(5 * v), 0, 1) * (1 - inside)
    colour = _marked(rng, colours, np.maximum(seam, scales), noise(rng, u.shape[0], u.shape[1], 3), TINTS[1], 0)
    surface = Surface(colour, np.asarray(inside * (0.14 - 0.05 * seam), dtype=np.float32))
    return _with_eye(_with_eye(surface, u, v, (0.88, -0.11), 0.055), u, v, (0.88, 0.11), 0.055)


def starfish(rng: Generator, colours: Field, u: Field, v: Field) -> Surface:
    """Rows of knobs along every arm."""
    radius, angle = np.hypot(u, v), np.arctan2(v, u)
    off_ridge = np.abs(np.sin(np.float32(2.5) * angle)) * radius
    ridge = _line(off_ridge, 0.13)
    knobs = waves(5 * radius) * ridge
    colour = _marked(rng, colours, np.clip(1.6 * knobs, 0, 1), noise(rng, u.shape[0], u.shape[1], 3), TINTS[2], 1)
    return Surface(colour, np.asarray(0.07 * ridge + 0.05 * knobs, dtype=np.float32))


def snail(rng: Generator, colours: Field, u: Field, v: Field) -> Surface:
    """A shell wound in a spiral, a plain foot, an eye."""
    du, dv = u + np.float32(0.14), v + np.float32(0.1)
    radius = np.hypot(du, dv)
    inside = np.clip((np.float32(0.58) - radius) * 16, 0, 1)
    winding = np.mod(np.log(radius + np.float32(0.08)) / np.float32(0.7) - np.arctan2(dv, du) / np.float32(2 * np.pi), 1)
    seam = np.clip((np.minimum(winding, 1 - winding) - np.float32(0.08)) * 6, 0, 1)
    colour = _marked(rng, colours, inside * (1 - seam), noise(rng, u.shape[0], u.shape[1], 3), TINTS[3], 0)
    surface = Surface(colour, np.asarray(inside * (0.1 + 0.1 * np.sqrt(seam)), dtype=np.float32))
    return _with_eye(surface, u, v, (0.86, 0.05), 0.07)


def _line(distance: Field, width: float) -> Field:
    """1 where the distance is 0, fading to 0 within about `width`."""
    return np.asarray(np.exp(-((distance / np.float32(width)) ** 2)), dtype=np.float32)


def _marked(rng: Generator, colours: Field, marks: Field, clouds: Field, tint: Field, pale: float) -> Field:
    """A body of a palette's colour with some of `tint`, in two close shades, with marks `pale` (1) or dark (0)."""
    chosen, share = pick(rng, colours, 2), np.float32(rng.uniform(*_TINT))
    body = chosen[0] * (1 - share) + tint * share
    mark = np.float32(0.35) * chosen[1] + np.float32(0.6 * pale)
    shades = ramp(clouds, np.stack([body * np.float32(0.8), body * np.float32(1.15)]))
    return np.asarray(shades + (mark - shades) * marks[..., None], dtype=np.float32)


def _with_eye(surface: Surface, u: Field, v: Field, at: tuple[float, float], radius: float) -> Surface:
    """A dark eye with a pale ring."""
    far = np.hypot(u - np.float32(at[0]), v - np.float32(at[1])) / np.float32(radius)
    ring, pupil = np.clip((1.35 - far) * 4, 0, 1)[..., None], np.clip((0.9 - far) * 4, 0, 1)[..., None]
    colour = (surface.colour * (1 - ring) + np.float32(0.85) * ring) * (1 - np.float32(0.9) * pupil)
    return Surface(np.asarray(colour, dtype=np.float32), surface.relief)
