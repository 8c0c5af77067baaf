"""How long `segpipe init` and stage convert take for many small images, beside another revision of this repository.

Two sets are made, the same each time: `scenes` of shapes that differ from image to image, and `cells`, the same few stamps
strewn over each image, so that the corners of all images look alike. Counted is CPU time, user and system, of all processes.

Run in the repository: python bench/init_time.py [--images 3000] [--size 512] [--against REVISION] [SET ...]
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from numpy.random import Generator
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
CONFIG = "[core]\n    no_scm = true\n    analytics = false\n    check_update = false\n"
COMMANDS = {"init": ["-m", "segpipe.cli.main", "init", "SET"], "convert": ["-m", "stages.convert"]}
Picture = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def main(
    names: Annotated[list[str] | None, typer.Argument(help="scenes, cells, or a folder of annotated images.")] = None,
    images: Annotated[int, typer.Option(help="Images of a set that is made.")] = 3000,
    size: Annotated[int, typer.Option(help="Pixels, height and width.")] = 512,
    against: Annotated[str, typer.Option(help="A revision to measure beside; nothing without it.")] = "",
) -> None:
    """Times init and convert, each in a project of its own, for this code and another revision in turn."""
    with tempfile.TemporaryDirectory() as scratch:
        codes = {"here": ROOT} | ({against: checkout(Path(scratch) / "other", against)} if against else {})
        for name in names or list(SETS):
            folder = made(Path(scratch) / "sets" / name, name, images, size) if name in SETS else Path(name)
            taken = {code: measured(Path(scratch) / "project", root, folder) for code, root in codes.items()}
            for code, seconds in taken.items():
                told = ", ".join(f"{step} {cpu:.0f} s ({wall:.0f} s on the clock)" for step, (cpu, wall) in seconds.items())
                print(f"{name}, {code}: {told}", flush=True)
            here, *other = (sum(cpu for cpu, _ in seconds.values()) for seconds in taken.values())
            if other:
                print(f"{name}: {here / other[0]:.2f} of the CPU time of {against}", flush=True)


def checkout(folder: Path, revision: str) -> Path:
    """The files of another revision."""
    folder.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", revision], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "x"], cwd=folder, input=archive, check=True)
    return folder


def measured(project: Path, code: Path, folder: Path) -> dict[str, tuple[float, float]]:
    """CPU seconds and seconds on the clock of each command, in a new project."""
    shutil.rmtree(project, ignore_errors=True)
    (project / ".dvc").mkdir(parents=True)
    (project / ".dvc" / "config").write_text(CONFIG, encoding="utf-8")
    shutil.copy(code / "params.yaml", project)
    return {step: timed(project, code, [str(folder) if word == "SET" else word for word in c]) for step, c in COMMANDS.items()}


def timed(project: Path, code: Path, arguments: list[str]) -> tuple[float, float]:
    environment = {name: value for name, value in os.environ.items() if name != "DVC_ROOT"} | {"PYTHONPATH": str(code)}
    start = time.monotonic()
    process = subprocess.Popen([sys.executable, *arguments], cwd=project, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(arguments)} failed")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - start


def made(folder: Path, name: str, images: int, size: int) -> Path:
    """A folder of images/ (JPEG) and masks/ (PNG of class ids)."""
    for each in ("images", "masks"):
        (folder / each).mkdir(parents=True)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(partial(save, folder, SETS[name], size), range(images), chunksize=16))
    return folder


def save(folder: Path, make: Callable[[Generator, int], Picture], size: int, number: int) -> None:
    image, mask = make(np.random.default_rng(number), size)
    cv2.imwrite(f"{folder}/images/{number:05}.jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 92])
    cv2.imwrite(f"{folder}/masks/{number:05}.png", mask)


def scene(random: Generator, size: int) -> Picture:
    """Ellipses of any colour over one another; every third is an object."""
    image = np.full((size, size, 3), random.integers(0, 256, 3), np.uint8)
    mask = np.zeros((size, size), np.uint8)
    for number in range(140):
        centre, axes = random.integers(0, size, 2).tolist(), random.integers(size // 50, size // 8, 2).tolist()
        angle = float(random.uniform(0, 180))
        cv2.ellipse(image, centre, axes, angle, 0, 360, random.integers(0, 256, 3).tolist(), -1)
        cv2.ellipse(mask, centre, axes, angle, 0, 360, int(number % 3 == 0), -1)
    return grained(image, random), mask


def cells(random: Generator, size: int) -> Picture:
    """Twelve kinds of stamps, the same in every image, at any place and angle on a tissue of its own."""
    coarse = random.integers(150, 200, (8, 8, 3)).astype(np.uint8)
    image, mask = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC), np.zeros((size, size), np.uint8)
    for _cell in range(60):
        kind, place, angle = int(random.integers(12)), random.integers(0, size, 2), float(random.uniform(0, 360))
        shape = np.random.default_rng(1000 + kind)
        for _ in range(5):
            offset, axes, own = shape.integers(-12, 13, 2), shape.integers(3, 14, 2).tolist(), float(shape.uniform(0, 180))
            turn = np.deg2rad(angle)
            moved = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ offset
            centre = (place + moved).round().astype(int).tolist()
            cv2.ellipse(image, centre, axes, own + angle, 0, 360, shape.integers(20, 140, 3).tolist(), -1)
            cv2.ellipse(mask, centre, axes, own + angle, 0, 360, 1, -1)
    return grained(image, random), mask


def grained(image: NDArray[np.uint8], random: Generator) -> NDArray[np.uint8]:
    return np.clip(image + random.normal(0, 4, image.shape), 0, 255).astype(np.uint8)


SETS: dict[str, Callable[[Generator, int], Picture]] = {"scenes": scene, "cells": cells}

if __name__ == "__main__":
    typer.run(main)
