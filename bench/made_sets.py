"""Data sets made on the spot, for measuring what defaults give on kinds of images that no one may pass on.

Run in the repository: python bench/made_sets.py NAME FOLDER

NAME is one of `NAMES`. FOLDER gets images/, masks/ (class ids as PNG) and classes.txt, which `segpipe init FOLDER` knows. Each
image is a function of the set's name and its number. They are drawings and no photographs, with what makes photographs hard:
uneven light, textures that look alike, blur, noise, JPEG, and things that are no object and look like one.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from segpipe.acquire.examples.drawing import (
    Field,
    Mask,
    around,
    clouds,
    exposed,
    filled,
    light,
    lumpy,
    noise,
    painted,
    rectangle,
    stroke,
    texture,
    walk,
)
from segpipe.acquire.sample import pictures
from segpipe.reproducibility.seeds import seed_of


@dataclass(frozen=True)
class MadeSet:
    """How many images, what their classes are called, the files' suffix, and what draws an image and its mask."""

    n_images: int
    classes: tuple[str, ...]
    suffix: str
    draw: Callable[[Generator], tuple[NDArray[Any], Mask]]


def main() -> None:
    if len(sys.argv) != 3 or sys.argv[1] not in NAMES:
        sys.exit(f"usage: python bench/made_sets.py NAME FOLDER, NAME being one of {', '.join(NAMES)}")
    write(sys.argv[1], Path(sys.argv[2]))


def write(name: str, folder: Path) -> None:
    """Writes the set; the folder must not hold another."""
    if name in SAMPLES:
        # The pipeline's own: as many images, and by the seed, that params.yaml has.
        pictures.make(folder, 240, SAMPLES[name], 42)
        return
    made = SETS[name]
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    (folder / "classes.txt").write_text("".join(f"{each}\n" for each in made.classes), encoding="utf-8")
    for number in range(made.n_images):
        image, mask = drawn(name, number)
        cv2.imwrite(str(folder / f"images/{number:03d}{made.suffix}"), *image)
        cv2.imwrite(str(folder / f"masks/{number:03d}.png"), mask)


def drawn(name: str, number: int) -> tuple[tuple[NDArray[Any], list[int]], Mask]:
    """An image of one of SETS, as OpenCV has its colours, with the options of its file; and its mask."""
    made = SETS[name]
    image, mask = made.draw(np.random.default_rng(seed_of(0, name, number)))
    options = [cv2.IMWRITE_JPEG_QUALITY, 90] if made.suffix == ".jpg" else []
    return (image[..., ::-1] if image.ndim == 3 else image, options), mask


def vessels(rng: Generator) -> tuple[NDArray[Any], Mask]:
    """The back of an eye, 600 x 600 RGB: a tree of vessels of 1 to 4 pixels from a bright disc, and spots."""
    size = 600
    scene = texture(rng, size, size, ((0.62, 0.25, 0.1), (0.78, 0.4, 0.2)), 160, 10)
    scene *= light(rng, size, size, 0.35)[..., None]
    disc = np.array([rng.choice([150, 450]) + rng.normal(0, 20), 300 + rng.normal(0, 25)])
    painted(scene, cv2.GaussianBlur(filled(size, size, lumpy(rng, disc, 42, 1.05, 0.05)), (0, 0), 6), (0.98, 0.85, 0.55), 0.8)
    mask, cover = np.zeros((size, size), np.uint8), np.zeros((size, size), np.uint8)
    for angle in np.linspace(0, 2 * np.pi, 9)[:-1] + rng.normal(0, 0.25, 8):
        vessel(rng, cover, mask, disc, angle, 4, rng.uniform(250, 480))
    thin = cv2.GaussianBlur(cover.astype(np.float32) / 255, (0, 0), 0.8)
    painted(scene, thin, np.array((0.4, 0.09, 0.05)) * light(rng, size, size, 0.3)[..., None], rng.uniform(0.55, 0.85))
    for _ in range(rng.integers(4, 14)):
        spot = lumpy(rng, rng.uniform(60, 540, 2), rng.uniform(2, 9), 1.2, 0.2)
        colour = (0.95, 0.85, 0.5) if rng.random() < 0.5 else (0.4, 0.08, 0.04)
        painted(scene, cv2.GaussianBlur(filled(size, size, spot), (0, 0), 1), colour, rng.uniform(0.3, 0.8))
    eye = filled(size, size, lumpy(rng, (300, 300), 282, 1, 0))
    mask[eye < 0.5] = 0
    return exposed(rng, scene * eye[..., None], 0.7, 0.035), mask


def vessel(rng: Generator, cover: Mask, mask: Mask, start: Any, angle: float, width: int, length: float) -> None:
    """One vessel and what branches off it, thinner and shorter; the thinnest are hardly seen."""
    path = walk(rng, start, angle, length, 6, 0.1)
    stroke(mask, path, 1, width, smooth=False)
    stroke(cover, path, 130 + 30 * width, width)
    if width > 1:
        for place in rng.choice(len(path), min(len(path), 5), replace=False):
            side = rng.choice([-1, 1]) * rng.uniform(0.4, 1)
            vessel(
                rng, cover, mask, path[place], angle + side, max(1, width - rng.integers(1, 3)), length * rng.uniform(0.35, 0.7)
            )


def microscopy(rng: Generator, bits: int = 8) -> tuple[NDArray[Any], Mask]:
    """Nuclei that glow, 512 x 512 gray: they touch, differ in brightness, and lie over a haze with debris that glows too."""
    size = 512
    scene = 0.06 + 0.03 * clouds(rng, size, size, 200, 40)
    mask, centres = np.zeros((size, size), np.uint8), []
    for _ in range(rng.integers(5, 10)):
        # In clusters: beside another one, so that they touch.
        cluster = rng.uniform(0, size, 2)
        centres += [cluster + rng.normal(0, 38, 2) for _ in range(rng.integers(2, 9))]
    for centre in centres:
        outline = lumpy(rng, centre, rng.uniform(11, 21), rng.uniform(1, 1.3), 0.16)
        cover = cv2.GaussianBlur(filled(size, size, outline), (0, 0), 1.2)
        grain = 1 + 0.3 * noise(rng, size, size, 7)
        scene = np.maximum(scene, cover * rng.uniform(0.12, 0.75) * grain)
        mask[filled(size, size, outline) >= 0.5] = 1
    for _ in range(rng.integers(8, 25)):
        # Out of focus, or too small: no nuclei.
        hazy = rng.random() < 0.4
        radius, blur = (rng.uniform(15, 30), 14.0) if hazy else (rng.uniform(1, 4), 1.0)
        cover = cv2.GaussianBlur(filled(size, size, lumpy(rng, rng.uniform(0, size, 2), radius, 1.2, 0.2)), (0, 0), blur)
        scene = scene + cover * rng.uniform(0.1, 0.35)
    scene = (scene * light(rng, size, size, 0.3)).astype(np.float32)
    seen = np.clip(rng.poisson(np.clip(scene, 0, None) * 90) / 90 + rng.normal(0, 0.01, scene.shape), 0, None)
    if bits == 16:
        return np.clip(seen * 9000 + 400, 0, 65535).astype(np.uint16), mask
    return np.clip(seen * 230 + 6, 0, 255).astype(np.uint8), mask


def structures(rng: Generator) -> tuple[NDArray[Any], Mask]:
    """Walls of concrete, 2000 x 1500 RGB: cracks of 3 to 12 pixels, spalled places and rust, between seams, stains and cables."""
    height, width = 1500, 2000
    gray = rng.uniform(0.42, 0.68)
    tint = np.array((1.0, rng.uniform(0.96, 1), rng.uniform(0.88, 0.98))) * gray
    scene = texture(rng, height, width, (tuple(tint * 0.8), tuple(tint * 1.15)), 700, 3)
    mask = np.zeros((height, width), np.uint8)
    seams(rng, scene)
    for _ in range(rng.integers(0, 4)):
        rust(rng, scene, mask)
    for _ in range(rng.integers(0, 4)):
        spalling(rng, scene, mask)
    for _ in range(rng.integers(2, 6)):
        start, angle = rng.uniform((0, 0), (width, height)), rng.uniform(0, 2 * np.pi)
        crack(rng, scene, mask, start, angle, int(rng.integers(5, 13)), rng.uniform(500, 1600))
    if rng.random() < 0.5:
        cover = np.zeros((height, width), np.uint8)
        stroke(
            cover,
            walk(rng, rng.uniform((0, 0), (width, 50)), rng.uniform(0.8, 2.2), 2500, 100, 0.04),
            255,
            int(rng.integers(6, 26)),
        )
        painted(scene, cv2.GaussianBlur(cover / np.float32(255), (0, 0), 2), scene * 0.45)
    scene *= light(rng, height, width, 0.3)[..., None]
    return exposed(rng, scene, rng.uniform(0.8, 1.6), 0.04), mask


def seams(rng: Generator, scene: Field) -> None:
    """Straight seams of the formwork, bolt holes along them, and dark stains that run down: all no damage."""
    height, width = scene.shape[:2]
    cover = np.zeros((height, width), np.uint8)
    for place in np.arange(rng.uniform(0, 500), width, rng.uniform(450, 800)):
        stroke(cover, [(place, 0), (place + rng.normal(0, 15), height)], 255, int(rng.integers(2, 7)))
        for hole in np.arange(rng.uniform(0, 400), height, 400):
            cv2.circle(cover, (int(place + 60), int(hole)), int(rng.integers(9, 15)), 255, -1, cv2.LINE_AA)
    painted(scene, cv2.GaussianBlur(cover / np.float32(255), (0, 0), 1.2), scene * rng.uniform(0.5, 0.8))
    for _ in range(rng.integers(0, 5)):
        stain = lumpy(rng, (rng.uniform(0, width), rng.uniform(0, height / 2)), rng.uniform(100, 300), 1, 0.4)
        stain[:, 1] = (stain[:, 1] - stain[:, 1].min()) * rng.uniform(1, 3)
        rough = np.clip(0.6 + 0.4 * noise(rng, height, width, 60), 0, 1)
        painted(scene, cv2.GaussianBlur(filled(height, width, stain), (0, 0), 25) * rough, scene * 0.7, rng.uniform(0.4, 0.9))


def crack(rng: Generator, scene: Field, mask: Mask, start: Any, angle: float, width: int, length: float) -> None:
    """A dark jagged line that gets thinner, with a brighter lip, and branches."""
    path = walk(rng, start, angle, length, 14, 0.06)
    path += rng.normal(0, 4, path.shape)
    cover = np.zeros(mask.shape, np.uint8)
    for part in np.array_split(np.arange(len(path)), min(6, len(path) // 2) or 1):
        # Overlapping by one point, so that there is no gap.
        piece = path[max(0, part[0] - 1) : part[-1] + 1]
        now = max(2, round(width * (1 - 0.7 * part[0] / len(path))))
        stroke(cover, piece, 255, now)
        stroke(mask, piece, 1, max(3, now), smooth=False)
    soft = cv2.GaussianBlur(cover / np.float32(255), (0, 0), 1)
    painted(scene, np.roll(soft, (3, 3), (0, 1)), scene * 1.25, 0.5)
    painted(scene, soft, scene * 0.25, rng.uniform(0.6, 0.95))
    if width > 6:
        for place in rng.choice(len(path), 2, replace=False):
            crack(rng, scene, mask, path[place], angle + rng.choice([-1, 1]) * rng.uniform(0.5, 1.2), width // 2, length * 0.4)


def spalling(rng: Generator, scene: Field, mask: Mask) -> None:
    """A place where the surface broke off: rough and stony, its upper edge in shadow."""
    height, width = mask.shape
    outline = lumpy(rng, rng.uniform((0, 0), (width, height)), rng.uniform(70, 260), rng.uniform(1, 1.6), 0.5, 128)
    outline += rng.normal(0, 3, outline.shape)
    cover = filled(height, width, outline)
    stones = texture(rng, height, width, ((0.28, 0.25, 0.22), (0.72, 0.68, 0.6)), 40, 5)
    edge = np.clip(cover - np.roll(cover, 12, 0), 0, 1)
    painted(scene, cover, stones * scene.mean() / 0.5)
    painted(scene, cv2.GaussianBlur(edge, (0, 0), 4), scene * 0.3)
    mask[cover >= 0.5] = 2


def rust(rng: Generator, scene: Field, mask: Mask) -> None:
    """A brown stain that runs down from a point."""
    height, width = mask.shape
    x, y = rng.uniform((0, 0), (width, height * 0.8))
    reach, broad = rng.uniform(150, 600), rng.uniform(20, 70)
    outline = lumpy(rng, (x, y + reach / 2), 1, 1, 0.3, 96)
    outline = (outline - (x, y + reach / 2)) * (broad, reach / 2) + (x, y + reach / 2)
    cover = cv2.GaussianBlur(filled(height, width, outline), (0, 0), 10)
    patchy = cover * np.clip(0.75 + 0.35 * noise(rng, height, width, 25), 0, 1)
    painted(scene, patchy, (0.42, 0.22, 0.1), rng.uniform(0.55, 0.9))
    mask[cover >= 0.5] = 3


def satellite(rng: Generator) -> tuple[NDArray[Any], Mask]:
    """A town from above, 512 x 512 RGB: roads, roofs, water and trees on soil and grass, with their shadows to one side."""
    size = 512
    scene = texture(rng, size, size, ((0.3, 0.38, 0.2), (0.52, 0.48, 0.34)), 180, 3)
    mask = np.zeros((size, size), np.uint8)
    for _ in range(rng.integers(2, 7)):
        field = rectangle(rng.uniform(0, size, 2), rng.uniform(60, 220), rng.uniform(60, 220), rng.uniform(0, np.pi))
        ploughed = rng.uniform(0.7, 1.3) * np.array((rng.uniform(0.3, 0.55), 0.42, 0.25))
        painted(scene, filled(size, size, field), ploughed * (1 + 0.08 * noise(rng, size, size, 4)[..., None]), 0.7)
    if rng.random() < 0.4:
        shore = filled(size, size, lumpy(rng, rng.uniform(0, size, 2), rng.uniform(60, 170), 1.5, 0.4))
        painted(scene, shore, texture(rng, size, size, ((0.1, 0.18, 0.2), (0.2, 0.28, 0.28)), 80, 4))
        mask[shore >= 0.5] = 3
    streets = [across(rng, size) for _ in range(rng.integers(2, 6))]
    shadow = rng.uniform(3, 9) * np.array([np.cos(angle := rng.uniform(0, 2 * np.pi)), np.sin(angle)])
    for street in streets:
        road(rng, scene, mask, street, int(rng.integers(7, 18)))
    for street in streets:
        for place, following in pairwise(street):
            along = (following - place) / np.hypot(*(following - place))
            for side in (-1, 1):
                if rng.random() < 0.6:
                    beside = place + side * rng.uniform(24, 42) * along[::-1] * (-1, 1)
                    turn = np.arctan2(along[1], along[0]) + rng.normal(0, 0.06)
                    if (beside >= 0).all() and (beside < size).all():
                        rows, columns, inside = around(beside, 60, size, size)
                        roof(rng, scene[rows, columns], mask[rows, columns], inside, turn, shadow)
    for _ in range(rng.integers(15, 90)):
        rows, columns, inside = around(rng.uniform(0, size, 2), 40, size, size)
        tree(rng, scene[rows, columns], mask[rows, columns], inside, shadow)
    scene *= light(rng, size, size, 0.15)[..., None]
    return exposed(rng, scene, 0.7, 0.03), mask


def across(rng: Generator, size: int) -> NDArray[np.float64]:
    """A street from outside through the picture."""
    angle = rng.uniform(0, 2 * np.pi)
    middle = rng.uniform(0.15, 0.85, 2) * size
    return walk(rng, middle - size * np.array([np.cos(angle), np.sin(angle)]), angle, 2 * size, 34, 0.05)


def road(rng: Generator, scene: Field, mask: Mask, path: Any, width: int) -> None:
    cover = np.zeros(mask.shape, np.uint8)
    stroke(cover, path, 255, width)
    stroke(mask, path, 1, width, smooth=False)
    gray = rng.uniform(0.4, 0.68)
    surface = gray * (1 + 0.08 * noise(rng, *mask.shape, 9)[..., None]) * np.array((1.0, 0.98, 0.95))
    painted(scene, cover / np.float32(255), surface)
    for place in path[:-1]:
        if rng.random() < 0.2:
            car = rectangle(place + rng.normal(0, width / 6, 2), 7, 4, rng.uniform(0, np.pi))
            painted(scene, filled(*mask.shape, car), rng.uniform(0, 1, 3))


def roof(rng: Generator, scene: Field, mask: Mask, centre: Any, turn: float, shadow: Any) -> None:
    """Two slopes in unlike light, tiles or gray sheets, with a shadow on what was there before."""
    broad, deep = rng.uniform(16, 46), rng.uniform(14, 30)
    outline = rectangle(centre, broad, deep, turn)
    if (mask[filled(*mask.shape, outline) > 0] != 0).any():  # no house on a road, in water, or on another
        return
    shade = filled(*mask.shape, outline + shadow)
    painted(scene, cv2.GaussianBlur(shade, (0, 0), 1), scene * 0.45, 0.8)
    colours = [(0.6, 0.3, 0.22), (0.5, 0.5, 0.52), (0.36, 0.3, 0.28), (0.75, 0.72, 0.68)]
    colour = np.array(colours[rng.integers(4)]) * rng.uniform(0.8, 1.15)
    rough = 1 + 0.07 * noise(rng, *mask.shape, 3)[..., None]
    painted(scene, filled(*mask.shape, outline), colour * rough)
    ridge = [outline[0], outline[1], (outline[1] + outline[2]) / 2, (outline[0] + outline[3]) / 2]
    painted(scene, filled(*mask.shape, ridge), colour * rough * rng.uniform(0.65, 0.85))
    mask[filled(*mask.shape, outline) >= 0.5] = 2


def tree(rng: Generator, scene: Field, mask: Mask, centre: Any, shadow: Any) -> None:
    outline = lumpy(rng, centre, rng.uniform(5, 14), 1.1, 0.25)
    if (mask[filled(*mask.shape, outline) > 0] == 3).any():  # none in water
        return
    painted(scene, cv2.GaussianBlur(filled(*mask.shape, outline + shadow), (0, 0), 1.5), scene * 0.5, 0.7)
    green = np.array((0.16, 0.27, 0.12)) * rng.uniform(0.7, 1.3)
    painted(scene, filled(*mask.shape, outline), green * (1 + 0.35 * noise(rng, *mask.shape, 4)[..., None]))
    mask[filled(*mask.shape, outline) >= 0.5] = 4


def photos12(rng: Generator) -> tuple[NDArray[Any], Mask]:
    """Things on a table, 4000 x 3000 RGB: balls, boxes and leaves of 300 to 900 pixels between scraps."""
    height, width = 3000, 4000
    wood = rng.random() < 0.5
    base = np.array(rng.choice([[0.55, 0.4, 0.26], [0.7, 0.66, 0.6], [0.3, 0.32, 0.36]])) * rng.uniform(0.8, 1.2)
    scene = texture(rng, height, width, (tuple(base * 0.8), tuple(base * 1.2)), 900, 6)
    if wood:
        grain = cv2.resize(noise(rng, height, width // 8, 10), (width, height), interpolation=cv2.INTER_LINEAR)
        scene *= (1 + 0.08 * grain)[..., None]
    mask = np.zeros((height, width), np.uint8)
    colours = [rng.uniform(0.1, 0.9, 3) for _ in range(5)]
    for _ in range(rng.integers(6, 16)):
        place = rng.uniform((0, 0), (width, height))
        rows, columns, inside = around(place, 850, height, width)
        scrap(rng, scene[rows, columns], mask[rows, columns], inside, colours[rng.integers(5)])
    for _ in range(rng.integers(4, 10)):
        place, side = rng.uniform((200, 200), (width - 200, height - 200)), rng.uniform(300, 900)
        # Drawn in the part of the picture that it needs, for speed.
        rows, columns, inside = around(place, side, height, width)
        (ball, box, leaf)[rng.integers(3)](rng, scene[rows, columns], mask[rows, columns], inside, side, colours[rng.integers(5)])
    scene *= light(rng, height, width, 0.35)[..., None]
    return exposed(rng, scene, rng.uniform(1, 2.5), 0.04), mask


def cast(scene: Field, outline: Any, radius: float) -> None:
    """The shadow of an outline, down to the right; computed small, since it is soft."""
    height, width = (side // 8 for side in scene.shape[:2])
    shade = cv2.GaussianBlur(filled(height, width, (np.asarray(outline) + radius * 0.12) / 8), (0, 0), radius / 60)
    painted(scene, cv2.resize(shade, scene.shape[1::-1], interpolation=cv2.INTER_LINEAR), scene * 0.4, 0.8)


def pattern(rng: Generator, height: int, width: int, colour: Any) -> Field:
    """The colour with stripes, clouds or nothing on it."""
    kind = rng.integers(3)
    if kind == 0:
        return np.broadcast_to(np.asarray(colour, np.float32), (height, width, 3)).copy()
    if kind == 1:
        return texture(
            rng, height, width, (tuple(np.asarray(colour) * 0.6), tuple(np.clip(np.asarray(colour) * 1.3, 0, 1))), 120, 12
        )
    angle, period = rng.uniform(0, np.pi), rng.uniform(40, 120)
    rows, columns = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
    on = np.sin((np.cos(angle) * columns + np.sin(angle) * rows) * 2 * np.pi / period) > 0
    return np.where(on[..., None], np.asarray(colour, np.float32), np.asarray(colour, np.float32)[::-1] * 0.7)


def ball(rng: Generator, scene: Field, mask: Mask, place: Any, side: float, colour: Any) -> None:
    """Round, lit from the upper left."""
    outline = lumpy(rng, place, side / 2, 1, 0)
    cast(scene, outline, side)
    cover = filled(*mask.shape, outline)
    rows, columns = np.arange(mask.shape[0], dtype=np.float32)[:, None], np.arange(mask.shape[1], dtype=np.float32)
    away = np.hypot(columns - place[0] + side * 0.17, rows - place[1] + side * 0.17) / side
    shine = np.clip(1.25 - 0.9 * away, 0.2, 2)[..., None]
    painted(scene, cover, pattern(rng, *mask.shape, colour) * shine)
    mask[cover >= 0.5] = 1


def box(rng: Generator, scene: Field, mask: Mask, place: Any, side: float, colour: Any) -> None:
    """Three faces, each in its own light."""
    turn = rng.uniform(0, np.pi / 2)
    top = rectangle(place, side * 0.7, side * rng.uniform(0.45, 0.7), turn)
    drop = np.array([side * rng.uniform(-0.12, 0.12), side * 0.3])
    hull = cv2.convexHull(np.concatenate([top, top + drop]).astype(np.float32))[:, 0]
    cast(scene, hull, side)
    surface = pattern(rng, *mask.shape, colour)
    painted(scene, filled(*mask.shape, hull), surface * 0.5)
    for one, two in zip(top, np.roll(top, -1, 0), strict=True):
        # The faces that are seen are those below the top's lower edges.
        if (one[0] - two[0]) > 0:
            face = filled(*mask.shape, [one, two, two + drop, one + drop])
            painted(scene, face, surface * (0.45 + 0.35 * abs(one[1] - two[1]) / side))
    painted(scene, filled(*mask.shape, top), surface)
    mask[filled(*mask.shape, hull) >= 0.5] = 2


def leaf(rng: Generator, scene: Field, mask: Mask, place: Any, side: float, colour: Any) -> None:
    """Pointed at both ends, with a rib and veins."""
    along = np.linspace(0, 1, 40)
    half = side * rng.uniform(0.18, 0.3) * np.sin(np.pi * along**0.8) * (1 + 0.06 * np.sin(along * 60))
    line = side * (along - 0.5)
    shape = np.concatenate([np.stack([line, half], 1), np.stack([line, -half], 1)[::-1]])
    turn = rng.uniform(0, 2 * np.pi)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    outline = np.asarray(place) + shape @ rotation
    cast(scene, outline, side * 0.5)
    cover = filled(*mask.shape, outline)
    painted(scene, cover, pattern(rng, *mask.shape, colour))
    veins = np.zeros(mask.shape, np.uint8)
    stroke(veins, np.asarray(place) + np.stack([line, 0 * line], 1) @ rotation, 255, 9)
    for number in range(4, 36, 4):
        for sign in (-1, 1):
            tip = np.array([[line[number], 0], [line[min(39, number + 4)], sign * half[number] * 0.85]])
            stroke(veins, np.asarray(place) + tip @ rotation, 255, 5)
    painted(scene, veins / np.float32(255) * cover, np.clip(np.asarray(colour) * 0.55, 0, 1), 0.8)
    mask[cover >= 0.5] = 3


def scrap(rng: Generator, scene: Field, mask: Mask, place: Any, colour: Any) -> None:
    """A stick or a torn piece of paper: no object."""
    height, width = mask.shape
    if rng.random() < 0.5:
        outline = rectangle(place, rng.uniform(400, 1500), rng.uniform(20, 70), rng.uniform(0, np.pi))
    else:
        corners = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 5)))
        outline = place + rng.uniform(120, 350) * np.stack([np.cos(corners), np.sin(corners)], 1)
    cast(scene, outline, 120)
    painted(scene, filled(height, width, outline), pattern(rng, height, width, colour))


def thin_lines(rng: Generator) -> tuple[NDArray[Any], Mask]:
    """Wires before a landscape, 1000 x 1000 RGB: lines of 3 pixels, some faint, between edges, branches and poles."""
    size = 1000
    scene = texture(rng, size, size, ((0.25, 0.33, 0.2), (0.55, 0.52, 0.42)), 300, 3)
    horizon = 200 + 300 * rng.random() + 60 * noise(rng, 1, size, 250)[0]
    sky = np.clip((horizon - np.arange(size, dtype=np.float32)[:, None]) / 3, 0, 1)
    painted(scene, sky, texture(rng, size, size, ((0.55, 0.65, 0.8), (0.85, 0.88, 0.92)), 400, 50))
    for _ in range(rng.integers(2, 8)):
        block = rectangle(rng.uniform((0, 300), (size, size)), rng.uniform(60, 250), rng.uniform(60, 250), rng.normal(0, 0.03))
        painted(scene, filled(size, size, block), rng.uniform(0.2, 0.8, 3) * (1 + 0.05 * noise(rng, size, size, 20)[..., None]))
    others, wires, mask = (np.zeros((size, size), np.uint8) for _ in range(3))
    for _ in range(rng.integers(2, 9)):
        start, angle = rng.uniform(0, size, 2), rng.uniform(0, 2 * np.pi)
        # Branches bend and poles are wider: no wires.
        bent = rng.random() < 0.6
        stroke(others, walk(rng, start, angle, rng.uniform(150, 400), 12, 0.35 if bent else 0.0), 255, 2 if bent else 9)
    painted(scene, cv2.GaussianBlur(others / np.float32(255), (0, 0), 0.8), (0.22, 0.18, 0.14), 0.8)
    for _ in range(rng.integers(2, 6)):
        ends = rng.uniform(-0.1, 1.1, 2) * size
        across = np.linspace(0, 1, 60)
        wire = np.stack(
            [size * across, ends[0] + (ends[1] - ends[0]) * across + rng.uniform(20, 160) * 4 * across * (1 - across)], 1
        )
        stroke(mask, wire, 1, 3, smooth=False)
        stroke(wires, wire, int(rng.uniform(100, 230)), 3)
    tone = rng.choice([0.08, 0.15, 0.85])
    painted(scene, cv2.GaussianBlur(wires / np.float32(255), (0, 0), 0.7), (tone, tone, tone))
    scene *= light(rng, size, size, 0.2)[..., None]
    return exposed(rng, scene, 0.6, 0.035), mask


SAMPLES = {"sample": 128, "sample96": 96, "sample192": 192}
"""Pixels, height and width; the first is that of params.yaml."""
SETS: dict[str, MadeSet] = {
    "vessels": MadeSet(40, ("background", "vessel"), ".png", vessels),
    "microscopy": MadeSet(60, ("background", "nucleus"), ".png", microscopy),
    "microscopy16": MadeSet(60, ("background", "nucleus"), ".png", partial(microscopy, bits=16)),
    "structures": MadeSet(40, ("background", "crack", "spalling", "rust"), ".jpg", structures),
    "satellite": MadeSet(120, ("background", "road", "building", "water", "tree"), ".png", satellite),
    "photos12": MadeSet(24, ("background", "ball", "box", "leaf"), ".jpg", photos12),
    "thin_lines": MadeSet(40, ("background", "wire"), ".png", thin_lines),
}
NAMES = (*SAMPLES, *SETS)
WITHOUT_UP = {"vessels", "microscopy", "microscopy16", "structures", "satellite", "photos12"}
"""Those whose images may be turned and mirrored any way."""


if __name__ == "__main__":
    main()
