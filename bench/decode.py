"""How fast a file becomes an array, and a mask a file: ours against bare Pillow and bare OpenCV, in the same run.

Ours reads the header first, refuses what is too large, finds truncated files, turns by EXIF and keeps 16 bits; the others
only decode. Time is that of this process, on one core; a ratio is the median of rounds.

Run: python bench/decode.py
"""

import io
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from segpipe.images.decode import decode_image, decode_mask
from segpipe.images.encode import encode_mask
from segpipe.images.palette import flat_palette

ROOT = Path(__file__).parents[1]
ROUNDS = 7
RNG = np.random.default_rng(0)


def main() -> None:
    cv2.setNumThreads(1)
    for name, content in photos().items():
        peers = {"Pillow": with_pillow, "OpenCV": with_opencv}
        same = np.array_equal(decode_image(content, name).squeeze(), with_opencv(content))
        compare(f"{name}, {len(content) / 1e6:.2f} MB", lambda c=content: decode_image(c, "photo"), bound(peers, content))
        print(f"  {'the same pixels as OpenCV' if same else 'other pixels than OpenCV'}")
    for name, mask in masks().items():
        compare(f"{name}: writing", lambda m=mask: encode_mask(m), {"Pillow, level 6": lambda m=mask: palette_png(m)})
        ours, theirs = len(encode_mask(mask)), len(palette_png(mask))
        print(f"  {ours} bytes against {theirs}: {ours / theirs:.2f}")
        content = palette_png(mask)
        compare(f"{name}: reading", lambda c=content: decode_mask(c, "mask"), {"Pillow": lambda c=content: with_pillow(c)})


def photos() -> dict[str, bytes]:
    """Smooth noise, which compresses about as photos do."""
    small = cv2.GaussianBlur(RNG.integers(0, 256, (480, 640, 3), dtype=np.uint8), (0, 0), 2)
    large = cv2.resize(small, (4000, 3000), interpolation=cv2.INTER_CUBIC)
    files = {
        "JPEG of 640 x 480": encoded(small, "JPEG", quality=93),
        "JPEG of 12 megapixels": encoded(large, "JPEG", quality=93),
        "PNG of 640 x 480": encoded(small, "PNG"),
        "TIFF of 640 x 480, LZW": encoded(small, "TIFF", compression="tiff_lzw"),
        "PNG of 640 x 480, 16 bits": cv2.imencode(".png", small.astype(np.uint16) * 257)[1].tobytes(),
    }
    camvid = sorted((ROOT.parent / "shared" / "data" / "camvid").rglob("*.jpg"))
    return files | ({"CamVid's first JPEG": camvid[0].read_bytes()} if camvid else {})


def masks() -> dict[str, np.ndarray]:
    """Blobs of twelve classes, and of two."""
    noise = cv2.GaussianBlur(RNG.random((480, 640)), (0, 0), 12)
    ranked = np.argsort(np.argsort(noise, axis=None)).reshape(noise.shape) / noise.size
    made = {"mask of 12 classes": (ranked * 12).astype(np.uint8), "mask of 2 classes": (ranked > 0.8).astype(np.uint8)}
    camvid = sorted((ROOT.parent / "shared" / "data" / "camvid").rglob("*.png"))
    return made | ({"CamVid's first mask": np.asarray(Image.open(camvid[0]))} if camvid else {})


def encoded(array: np.ndarray, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind, **options)
    return stream.getvalue()


def palette_png(mask: np.ndarray) -> bytes:
    image = Image.fromarray(mask)
    image.putpalette(flat_palette())
    stream = io.BytesIO()
    image.save(stream, "PNG", compress_level=6)
    return stream.getvalue()


def with_pillow(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def with_opencv(content: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH)


def bound(peers: dict[str, Callable[[bytes], Any]], content: bytes) -> dict[str, Callable[[], Any]]:
    return {name: (lambda work=work: work(content)) for name, work in peers.items()}


def compare(what: str, ours: Callable[[], Any], peers: dict[str, Callable[[], Any]]) -> None:
    """A line: what a peer takes, as a multiple of ours, so more is better."""
    works = {"ours": ours} | peers
    rounds = [{name: seconds(work) for name, work in works.items()} for _ in range(ROUNDS + 1)][1:]
    ratios = {name: statistics.median(each[name] / each["ours"] for each in rounds) for name in peers}
    own = 1000 * statistics.median(each["ours"] for each in rounds)
    print(f"{what}: {own:.2f} ms; " + ", ".join(f"{name} takes {ratio:.2f} of it" for name, ratio in ratios.items()))


def seconds(work: Callable[[], Any]) -> float:
    """Of this process, a call; several calls where one is short."""
    calls, start = 0, time.process_time()
    while time.process_time() - start < 0.02:
        work()
        calls += 1
    return (time.process_time() - start) / calls


if __name__ == "__main__":
    main()
