"""How fast data becomes the canonical form: against the usual script, over two cores, and how much memory it takes.

Three parts, each with its own ratio:
  idiom   one core: every labelme file and image to image and mask on the disk, ours against the script that most projects
          hold (json, a full-size Pillow mask for each shape, the image saved again as JPEG, the mask as palette PNG), and
          against the same with labelme's own reader, where `labelme` can be imported (it is no dependency).
          Ours also checks each file and pixel, sums channels and classes, and hashes; the search for near-duplicates is
          timed apart.
  cores   one process against two, over the same folder.
  memory  5,000 images: the largest memory of all processes together, at a tenth of the way and at the end.

Run: python bench/convert.py [idiom | cores | memory] ...
"""

import base64
import importlib.util
import io
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import yaml
from PIL import Image, ImageDraw

from bench.clock import seconds
from segpipe.annotations import convert
from segpipe.dataset import pack
from segpipe.images.palette import flat_palette
from segpipe.params.schema import DataParams

ROOT = Path(__file__).parents[1]
PHOTOS = ROOT.parent / "shared" / "data" / "labelme_voc3"
ROUNDS = 5


def main() -> None:
    for part in sys.argv[1:] or ["idiom", "cores", "memory"]:
        {"idiom": idiom, "cores": cores, "memory": memory}[part]()


def idiom() -> None:
    sets = {
        "VOC photos, 500 x 375": photos,
        "synthetic, 1920 x 1080, 30 polygons": large,
        "synthetic, 4000 x 3000, 60 polygons": partial(large, count=4, size=(4000, 3000), polygons=60),
    }
    for name, make in sets.items():
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "source"
            names = make(source)
            if not names:
                print(f"{name}: {PHOTOS} is absent")
                continue
            peers = {"the usual script": usual_script} | ({"labelme's reader": with_labelme} if has_labelme() else {})
            works = {
                "ours": lambda out: converted(data_of(source, names), out, 1),  # noqa: B023
                "ours with whole near-duplicates": lambda out: converted(data_of(source, names, "whole"), out, 1),  # noqa: B023
                "ours with all near-duplicates": lambda out: converted(data_of(source, names, "parts"), out, 1),  # noqa: B023
            } | {
                peer: lambda out, work=work: work(source, names, out)  # noqa: B023
                for peer, work in peers.items()
            }
            rounds = [
                {each: seconds(lambda: work(Path(folder) / f"{each}{number}")) for each, work in works.items()}  # noqa: B023
                for number in range(ROUNDS + 1)
            ][1:]
            for peer in list(works)[1:]:
                report(f"{name}: {peer} takes", [each[peer] / each["ours"] for each in rounds])


def cores() -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        names = large(source, 64)
        times = {1: [], 2: []}
        for each in range(ROUNDS):
            for processes, spent in times.items():
                spent.append(seconds(lambda: converted(data_of(source, names), Path(folder) / f"{each}-{processes}", processes)))  # noqa: B023
        report(
            f"one process of {os.cpu_count()} cores against two: one takes",
            [a / b for a, b in zip(times[1], times[2], strict=True)],
        )


def memory() -> None:
    """In a process of its own, so that nothing else counts."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        masks(source, 5000)
        code = (
            "import sys; sys.path.insert(0, '.'); from pathlib import Path; from bench.convert import *;"
            f"data = masks_of(Path({str(source)!r})); peak = Watch(); converted(data, Path({folder!r}) / 'out', 2); peak.tell()"
        )
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


class Watch:
    """The resident memory of this process and its children, sampled four times a second."""

    def __init__(self) -> None:
        self.seen: list[float] = []
        threading.Thread(target=self._sample, daemon=True).start()

    def _sample(self) -> None:
        while True:
            own = [os.getpid(), *map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())]
            self.seen.append(sum(private(process) for process in own) / 2**20)
            time.sleep(0.25)

    def tell(self) -> None:
        early = max(self.seen[: max(1, len(self.seen) // 10)])
        print(f"5,000 images, 2 processes: {max(self.seen):.0f} MiB at most, {early:.0f} MiB in the first tenth of the time")


def private(process: int) -> int:
    """Bytes that the process holds, shared pages by their share; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def photos(folder: Path, copies: int = 30) -> list[str]:
    """The three annotated VOC photos, many times."""
    if not PHOTOS.is_dir():
        return []
    folder.mkdir()
    for path in PHOTOS.glob("*.json"):
        for copy in range(copies):
            content = json.loads(path.read_text()) | {"imagePath": f"{path.stem}-{copy}.jpg"}
            (folder / f"{path.stem}-{copy}.json").write_text(json.dumps(content))
            (folder / f"{path.stem}-{copy}.jpg").write_bytes(path.with_suffix(".jpg").read_bytes())
    return [line for line in (PHOTOS / "labels.txt").read_text().split("\n") if line and not line.startswith("__")]


def large(folder: Path, count: int = 12, size: tuple[int, int] = (1920, 1080), polygons: int = 30) -> list[str]:
    """Photos of smooth noise with polygons of 40 points each."""
    folder.mkdir()
    for number in range(count):
        rng = np.random.default_rng(number)
        picture = Image.fromarray(rng.integers(0, 256, (34, 60, 3), np.uint8)).resize(size, Image.Resampling.BICUBIC)
        picture.save(folder / f"{number:04}.jpg", quality=92)
        shapes = [
            {"label": f"c{each % 5}", "points": blob(rng, size), "shape_type": "polygon", "group_id": None}
            for each in range(polygons)
        ]
        content = {
            "version": "5.0.1",
            "shapes": shapes,
            "imagePath": f"{number:04}.jpg",
            "imageHeight": size[1],
            "imageWidth": size[0],
        }
        content["imageData"] = base64.b64encode((folder / f"{number:04}.jpg").read_bytes()).decode()
        (folder / f"{number:04}.json").write_text(json.dumps(content))
    return ["_background_", *(f"c{each}" for each in range(5))]


def blob(rng: np.random.Generator, size: tuple[int, int]) -> list[list[float]]:
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radii = rng.uniform(60, 140) * rng.uniform(0.7, 1.3, 40)
    centre = rng.uniform((150, 150), (size[0] - 150, size[1] - 150))
    return (centre + np.stack([np.cos(angles), np.sin(angles)], 1) * radii[:, None]).round(2).tolist()


def masks(folder: Path, count: int) -> None:
    """Images of 320 x 240 with masks of three classes."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        rng = np.random.default_rng(number)
        picture = Image.fromarray(rng.integers(0, 256, (8, 10, 3), np.uint8)).resize((320, 240), Image.Resampling.BICUBIC)
        picture.save(folder / "images" / f"{number:05}.jpg")
        ids = np.kron(rng.integers(0, 3, (6, 8)), np.ones((40, 40))).astype(np.uint8)
        Image.fromarray(ids).save(folder / "masks" / f"{number:05}.png")


def data_of(folder: Path, names: list[str], near_duplicates: str = "none") -> DataParams:
    own = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["data"]
    own |= {"source": "labelme", "path": str(folder), "labelme": {"classes": names}, "near_duplicates": near_duplicates}
    return DataParams.model_validate(own)


def masks_of(folder: Path) -> DataParams:
    own = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["data"]
    own |= {"source": "masks", "path": str(folder)}
    own["masks"] |= {"classes": ["background", "a", "b"]}
    return DataParams.model_validate(own)


def converted(data: DataParams, out: Path, processes: int) -> None:
    """What stage convert does, less its pictures."""
    examination, info = convert.convert(data, (), out / "spool", processes)
    pack.write(out / "prepared", examination.records, info)


def usual_script(source: Path, names: list[str], out: Path) -> None:
    """As found in many repositories."""
    for name in ("images", "masks"):
        (out / name).mkdir(parents=True)
    for path in sorted(source.glob("*.json")):
        content = json.loads(path.read_text())
        if content.get("imageData"):
            picture = Image.open(io.BytesIO(base64.b64decode(content["imageData"])))
        else:
            picture = Image.open(path.parent / content["imagePath"])
        pixels = np.asarray(picture.convert("RGB"))
        ids = np.zeros(pixels.shape[:2], np.int32)
        for shape in content["shapes"]:
            inside = Image.new("L", (pixels.shape[1], pixels.shape[0]), 0)
            points = [tuple(point) for point in shape["points"]]
            if shape["shape_type"] == "circle":
                radius = math.dist(*points)
                (x, y) = points[0]
                ImageDraw.Draw(inside).ellipse([x - radius, y - radius, x + radius, y + radius], outline=1, fill=1)
            else:
                ImageDraw.Draw(inside).polygon(points, outline=1, fill=1)
            value = 255 if shape["label"] == "__ignore__" else names.index(shape["label"])
            ids[np.array(inside, dtype=bool)] = value
        Image.fromarray(pixels).save(out / "images" / f"{path.stem}.jpg", quality=95)
        mask = Image.fromarray(ids.astype(np.uint8)).convert("P")
        mask.putpalette(flat_palette())
        mask.save(out / "masks" / f"{path.stem}.png")


def has_labelme() -> bool:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    return importlib.util.find_spec("labelme") is not None


def with_labelme(source: Path, names: list[str], out: Path) -> None:
    """The same with labelme's classes and functions, as its own converters used them."""
    import imgviz
    from labelme import LabelFile, utils

    for name in ("images", "masks"):
        (out / name).mkdir(parents=True)
    ids_of = {name: number for number, name in enumerate(names)} | {"__ignore__": 255}
    for path in sorted(source.glob("*.json")):
        content = LabelFile(str(path))
        picture = utils.img_data_to_arr(content.image_data)
        ids, _ = utils.shapes_to_label(picture.shape, content.shapes, ids_of)
        imgviz.io.imsave(out / "images" / f"{path.stem}.jpg", picture)
        imgviz.io.lblsave(out / "masks" / f"{path.stem}.png", ids.astype(np.uint8))


def report(what: str, ratios: list[float]) -> None:
    print(f"{what} {statistics.median(ratios):.2f} times as long ({min(ratios):.2f} to {max(ratios):.2f}, {len(ratios)} rounds)")


if __name__ == "__main__":
    main()
