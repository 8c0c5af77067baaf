"""Slices of patients, gray in 16 bits: an organ that is told by its grain, and round nodules in it among what is as dark.

A patient is a body with solids in it, and a slice cuts through them. Each patient is a pure function of (seed, number), and so is
each slice of it: those of a patient look alike, which is why they belong to one group.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from segpipe.acquire.examples.drawing import Field, Mask, clouds, filled, light, noise, stroke, walk
from segpipe.images.encode import encode_gray
from segpipe.reproducibility.seeds import seed_of

CLASSES = ("background", "organ", "nodule")
PATIENTS, NEW, SLICES, SIZE, SEED = 25, 3, 6, 96, 17
"""Patients whose slices are annotated, and others; slices of each; pixels of a side."""
BAD = 5
"""How many times as strong the noise of the last new patient's scanner is."""

_TISSUE, _DARK = 0.5, 0.32
"""Mean brightness of all that is soft, the organ too, and of nodules, cysts and vessels: brightness tells none of them."""
_WAVES = np.arange(2, 6)


@dataclass(frozen=True)
class Solid:
    """A lumpy ellipsoid: centre (x, y, z) and radii in pixels, turn in radians, and the lumps of its outline as waves."""

    centre: NDArray[np.float64]
    radii: NDArray[np.float64]
    turn: float
    lumps: NDArray[np.float64]
    phases: NDArray[np.float64]

    def cut(self, z: float) -> Field:
        """(SIZE, SIZE): how much of each pixel the solid covers in the plane z."""
        share = 1 - ((z - self.centre[2]) / self.radii[2]) ** 2
        if share <= 0:
            return np.zeros((SIZE, SIZE), np.float32)
        angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
        # The lumps turn slowly from slice to slice.
        waves = self.lumps[:, None] * np.cos(_WAVES[:, None] * angles + self.phases[:, None] + 0.03 * z * _WAVES[:, None])
        reach = np.sqrt(share) * (1 + waves.sum(axis=0))
        x, y = self.radii[0] * reach * np.cos(angles), self.radii[1] * reach * np.sin(angles)
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        return filled(SIZE, SIZE, self.centre[:2] + np.stack([cos * x - sin * y, sin * x + cos * y], axis=1))


@dataclass(frozen=True)
class Patient:
    """The solids of a body, and how its scanner saw it: the gain, and the noise as a share of the brightest."""

    body: Solid
    organ: Solid
    nodules: list[Solid]
    cysts: list[Solid]
    bowels: list[Solid]
    gain: float
    grain: float


def make(folder: Path, n_patients: int = PATIENTS, n_new: int = NEW, seed: int = SEED) -> None:
    """Writes annotated/images/slice###.png (16 bits, SIZE x SIZE), annotated/masks of the same names (class ids), classes.txt and
    groups.csv, which says whose each slice is; and new/slice###.png of `n_new` more patients, the last one scanned badly.
    """
    annotated, new = folder / "annotated", folder / "new"
    for each in (annotated / "images", annotated / "masks", new):
        each.mkdir(parents=True, exist_ok=True)
    _write(annotated / "classes.txt", CLASSES)
    _write(annotated / "groups.csv", ["image,group", *(f"{_name(*each)},patient{each[0]:02d}" for each in _places(n_patients))])
    for number, place in _places(n_patients + n_new):
        patient = _patient(np.random.default_rng(seed_of(seed, "slices", number)))
        if number == n_patients + n_new - 1 and n_new:
            patient = replace(patient, grain=BAD * patient.grain)
        rng = np.random.default_rng(seed_of(seed, "slices", number, place))
        image, mask = _slice(rng, patient, _height(patient, place))
        name, is_annotated = f"{_name(number, place)}.png", number < n_patients
        (annotated / "images" / name if is_annotated else new / name).write_bytes(bytes(cv2.imencode(".png", image)[1]))
        if is_annotated:
            (annotated / "masks" / name).write_bytes(encode_gray(mask))


def _places(n_patients: int) -> list[tuple[int, int]]:
    """Each slice as its patient's number and its place there."""
    return [(number, place) for number in range(n_patients) for place in range(SLICES)]


def _name(number: int, place: int) -> str:
    return f"slice{number * SLICES + place:03d}"


def _write(path: Path, lines: Sequence[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def _height(patient: Patient, place: int) -> float:
    """The planes of a patient's slices, evenly through the organ."""
    share = (place + 0.5) / SLICES * 2 - 1
    return float(patient.organ.centre[2] + 0.92 * share * patient.organ.radii[2])


def _patient(rng: Generator) -> Patient:
    body = _solid(rng, (48, 48, 0), (43, 36, 400), 0.03, turn=rng.normal(0, 0.08))
    side = rng.choice([-1, 1])
    organ = _solid(
        rng, (48 + side * rng.uniform(9, 15), 48 + rng.uniform(-7, 7), 0), rng.uniform((17, 13, 22), (23, 18, 30)), 0.1
    )
    inside = [organ.centre + organ.radii * _direction(rng) * rng.uniform(0.2, 0.75) for _ in range(rng.integers(2, 6))]
    beside = [(48 - side * rng.uniform(8, 26), 48 + rng.uniform(-20, 20), rng.uniform(-20, 20)) for _ in range(6)]
    return Patient(
        body,
        organ,
        [_solid(rng, each, rng.uniform(5, 9, 3), 0.06) for each in inside],
        [_solid(rng, each, rng.uniform(5, 9, 3), 0.06) for each in beside[:3]],
        [_solid(rng, each, rng.uniform(7, 12, 3) * (1, 1, 3), 0.1) for each in beside[3:]],
        rng.uniform(0.7, 1.3),
        rng.uniform(0.02, 0.035),
    )


def _solid(rng: Generator, centre: object, radii: object, lumps: float, turn: float | None = None) -> Solid:
    turned = rng.uniform(0, 2 * np.pi) if turn is None else turn
    waves = lumps * rng.standard_normal(len(_WAVES)) / _WAVES * 2
    return Solid(
        np.asarray(centre, np.float64), np.asarray(radii, np.float64), turned, waves, rng.uniform(0, 2 * np.pi, len(_WAVES))
    )


def _direction(rng: Generator) -> NDArray[np.float64]:
    """A direction in space, all of them as likely."""
    drawn = rng.standard_normal(3)
    return np.asarray(drawn / np.linalg.norm(drawn))


def _slice(rng: Generator, patient: Patient, z: float) -> tuple[NDArray[np.uint16], Mask]:
    """The image and its mask in the plane z."""
    body, organ = patient.body.cut(z), patient.organ.cut(z)
    scene = _TISSUE + 0.07 * clouds(rng, SIZE, SIZE, 24, 6)
    for bowel in patient.bowels:
        _lay(scene, bowel.cut(z), _TISSUE + 0.1 * np.sin(noise(rng, SIZE, SIZE, 9) * 5))
    # Its grain is finer than that of what lies around it, its brightness the same on average.
    _lay(scene, organ, _TISSUE + 0.02 * noise(rng, SIZE, SIZE, 20) + 0.09 * noise(rng, SIZE, SIZE, 2.2))
    _lay(scene, _rim(organ), 0.34)
    _lay(scene, _vessels(rng, patient.organ) * organ, _DARK)
    for cyst in patient.cysts:
        _lay(scene, cyst.cut(z) * (1 - organ), _DARK)
    mask = (organ >= 0.5).astype(np.uint8)
    for nodule in patient.nodules:
        cover = nodule.cut(z) * organ
        _lay(scene, cover, _DARK + 0.02 * noise(rng, SIZE, SIZE, 3))
        _lay(scene, _rim(cover), 0.55)
        mask[cover >= 0.5] = 2
    inner = np.clip(4 * cv2.GaussianBlur(body, (0, 0), 2.5) - 3, 0, 1)
    scene = np.where(body > inner, 0.3, scene) * body
    return _scanned(rng, scene * light(rng, SIZE, SIZE, 0.22), patient), mask


def _vessels(rng: Generator, organ: Solid) -> Field:
    """(SIZE, SIZE): a few dark lines through the organ, as thick as small nodules."""
    cover = np.zeros((SIZE, SIZE), np.uint8)
    for _ in range(rng.integers(1, 4)):
        start = organ.centre[:2] + rng.normal(0, 8, 2)
        stroke(cover, walk(rng, start, rng.uniform(0, 2 * np.pi), rng.uniform(14, 34), 3, 0.12), 255, int(rng.integers(2, 5)))
    return (cover / 255).astype(np.float32)


def _rim(cover: Field) -> Field:
    """Where the cover ends, 0 .. 1, about two pixels wide."""
    soft = cv2.GaussianBlur(cover, (0, 0), 1)
    return np.asarray(4 * soft * (1 - soft), np.float32)


def _lay(scene: Field, cover: Field, value: object) -> None:
    scene += cover * (np.asarray(value, np.float32) - scene)


def _scanned(rng: Generator, scene: Field, patient: Patient) -> NDArray[np.uint16]:
    """The scene as the patient's scanner has it: a little blurred, with noise whose size has no sign (Rice's)."""
    soft = cv2.GaussianBlur(scene.astype(np.float32), (0, 0), 0.6)
    noise_x, noise_y = (patient.grain * rng.standard_normal((SIZE, SIZE)) for _ in range(2))
    seen = np.hypot(soft + noise_x, noise_y) * patient.gain * 12000
    return np.clip(seen + 0.5, 0, 65535).astype(np.uint16)
