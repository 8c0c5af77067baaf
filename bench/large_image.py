"""A large TIFF predicted by a tiny network of many classes: peak memory and time of `segpipe predict`.

python bench/large_image.py --side 20000 --classes 21 --models 3 --write masks --write areas
"""

import argparse
import os
import resource
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np
import torch

from segpipe.models import model_file
from segpipe.models.model_file import Card
from segpipe.models.whole_model import whole_model
from segpipe.params.load import load_params

STRIP = 16
"""Rows of a strip, as most programs write them."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=4000)
    parser.add_argument("--classes", type=int, default=21)
    parser.add_argument("--stored", action="store_true", help="without compression")
    parser.add_argument("--models", type=int, default=1, help="average so many, each with the same weights")
    parser.add_argument("--write", action="append", default=[], help="what to write, as for segpipe predict")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_image(folder / "large.tif", options.side, options.stored)
        write_model(folder / "model.safetensors", options.classes)
        size = (folder / "large.tif").stat().st_size
        print(f"{options.side} x {options.side}, {size / 1e6:.0f} MB on disk, {options.classes} classes", flush=True)
        print(f"  whole logits would be {options.side**2 * options.classes * 4 / 1e9:.1f} GB", flush=True)
        models = ["--model", "model.safetensors"] * options.models
        seconds, peak = measured(folder, ["large.tif", *models, *(word for kind in options.write for word in ("--write", kind))])
        print(f"  predicted in {seconds:.0f} s, peak {peak:.2f} GB", flush=True)
        for path in sorted(folder.glob("predictions/*/*.png")):
            print(f"  {path.parent.name}: {path.stat().st_size / 1e6:.0f} MB", flush=True)


def measured(folder: Path, arguments: list[str]) -> tuple[float, float]:
    """Seconds, and GB of the largest resident set, of `segpipe predict` in a process of its own."""
    start = time.monotonic()
    paths = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "segpipe.cli.main", "predict", *arguments]
    subprocess.run(command, cwd=folder, env=os.environ | {"PYTHONPATH": paths}, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9


def write_image(path: Path, side: int, stored: bool) -> None:
    """An RGB TIFF of smooth colours and some noise, written strip by strip."""
    rng = np.random.default_rng(0)
    places, sizes = [], []
    columns = np.arange(side)[None, :, None]
    with path.open("wb") as stream:
        stream.write(b"II*\0" + struct.pack("<I", 0))
        for top in range(0, side, STRIP):
            rows = np.arange(top, min(top + STRIP, side))[:, None, None]
            slope = (rows // 40 + columns // 60 * [1, 2, 3]) % 240
            raw = (slope + rng.integers(0, 8, slope.shape)).astype(np.uint8).tobytes()
            content = raw if stored else zlib.compress(raw, 1)
            places.append(stream.tell())
            sizes.append(len(content))
            stream.write(content)
        lists = {273: places, 279: sizes, 258: [8, 8, 8]}
        at = {}
        for tag, values in lists.items():
            at[tag] = stream.tell()
            stream.write(struct.pack(f"<{len(values)}{'H' if tag == 258 else 'I'}", *values))
        numbers = {256: side, 257: side, 259: 1 if stored else 8, 262: 2, 277: 3, 278: STRIP}
        entries = {tag: struct.pack("<HHII", tag, 4, 1, value) for tag, value in numbers.items()}
        for tag, values in lists.items():
            entries[tag] = struct.pack("<HHII", tag, 3 if tag == 258 else 4, len(values), at[tag])
        directory = stream.tell()
        stream.write(struct.pack("<H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + struct.pack("<I", 0))
        stream.seek(4)
        stream.write(struct.pack("<I", directory))


def write_model(path: Path, n_classes: int) -> None:
    """A U-Net of width 4 and depth 1 with random weights."""
    params = load_params()
    changes = {"name": "unet", "width": 4, "depth": 1, "weights": "none", "norm": "batch"}
    model = params.model.model_copy(update=changes)
    torch.manual_seed(0)
    segmenter, _ = whole_model(model, 3, n_classes, "none", [0.5] * 3, [0.25] * 3)
    # Large, so that predictions hold many classes, and the mask is no single colour.
    torch.nn.init.normal_(segmenter.network.head.weight, std=3.0)
    names = tuple(f"class {number}" for number in range(n_classes))
    card = Card(names, False, 3, 8, 0, model, params.infer, "f" * 64, 0, {"params": {"threads": 2}})
    model_file.save(path, segmenter.eval(), card)


if __name__ == "__main__":
    main()
