"""Near-duplicates: how many planted copies are found, what is flagged besides, and what both steps cost.

Run in the repository: python bench/near_duplicates.py [DATA [COPIES]]
(DATA holds camvid/ and concrete_voc/; what is absent is skipped)
"""

import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from segpipe.annotations.near_duplicates.fingerprint import fingerprint, parse_fingerprint
from segpipe.annotations.near_duplicates.pairs import Pair, clusters, pairs
from segpipe.annotations.near_duplicates.whole import find_same_images
from segpipe.images.decode import Pixels, decode_image

Change = Callable[[Pixels, Generator], Pixels]
FOLDERS = ("camvid/images", "concrete_voc/JPEGImages")
COPIES, SEED, ROUNDS = 100, 11, 3


def main() -> None:
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "shared" / "data"
    copies = int(sys.argv[2]) if len(sys.argv) > 2 else COPIES
    cv2.setNumThreads(1)
    for name in FOLDERS:
        files = sorted((data / name).glob("*.jpg"))
        if files:
            report(name, files, copies)
        else:
            print(f"{name}: absent, skipped")


def report(name: str, files: Sequence[Path], copies: int) -> None:
    contents = {file.stem: file.read_bytes() for file in files}
    images = {each: decode_image(content, each) for each, content in contents.items()}
    prints = {each: fingerprint(image) for each, image in images.items()}
    print(f"{name}: {len(images)} images, fingerprints of at most {max(map(len, prints.values()))} bytes")
    cost(list(contents.values())[:100])
    start = time.process_time()
    found = pairs(prints)
    seconds = time.process_time() - start
    n = len(images)
    start = time.process_time()
    list(find_same_images([parse_fingerprint(each) for each in prints.values()]))
    whole, loop = time.process_time() - start, plain_loop(n)
    print(f"  all pairs of {n} images: {seconds:.1f} s, of it whole pictures in 8 positions: {whole:.2f} s")
    print(f"  a plain loop over 64-bit hashes in one position: {loop:.2f} s; in 8 positions {8 * loop / whole:.0f} times ours")
    print(f"  flagged between originals: {len(found)} of {n * (n - 1) // 2} pairs, {dict(Counter(each.kind for each in found))}")
    sizes = sorted(Counter(clusters(found).values()).values(), reverse=True)
    print(f"  {sum(sizes)} images in {len(sizes)} clusters; the largest: {sizes[:8]}")
    if name.startswith("camvid"):
        neighbours(sorted(images), found)
    plant(images, prints, found, copies)


def cost(contents: Sequence[bytes]) -> None:
    """The fingerprint's time beside the decoding's, medians over images and rounds."""
    decoding, printing = [], []
    for _ in range(ROUNDS):
        for content in contents:
            start = time.process_time()
            image = decode_image(content, "image")
            middle = time.process_time()
            fingerprint(image)
            decoding.append(middle - start)
            printing.append(time.process_time() - middle)
    one, other = statistics.median(printing) * 1e3, statistics.median(decoding) * 1e3
    print(f"  a fingerprint takes {one:.1f} ms, decoding {other:.1f} ms: ratio {one / other:.1f}")


def plain_loop(n: int) -> float:
    """Seconds that Python's own loop over all pairs of n hashes takes, as with ImageHash; measured on 500."""
    hashes = [np.random.default_rng(each).integers(0, 2, (8, 8)).astype(bool) for each in range(500)]
    start = time.process_time()
    for i, one in enumerate(hashes):
        for other in hashes[i + 1 :]:
            np.count_nonzero(one.ravel() != other.ravel())
    return (time.process_time() - start) * n * (n - 1) / (500 * 499)


def neighbours(ids: Sequence[str], found: Sequence[Pair]) -> None:
    """Of video frames: which flagged pairs are of one sequence, and how far apart."""
    place = {each: index for index, each in enumerate(ids)}
    within = [each for each in found if each.first.split("_")[0] == each.second.split("_")[0]]
    gaps = [place[each.second] - place[each.first] for each in within]
    print(f"  of one sequence: {len(within)}, of two: {len(found) - len(within)} (false alarms)")
    print(
        f"  frames apart: 1: {gaps.count(1)}, 2 to 5: {sum(2 <= gap <= 5 for gap in gaps)}, more: {sum(gap > 5 for gap in gaps)}"
    )
    for sequence, count in sorted(Counter(each.first.split("_")[0] for each in within).items()):
        print(f"    {sequence}: {count} pairs of {sum(each.startswith(sequence) for each in ids)} frames")


def plant(images: dict[str, Pixels], prints: dict[str, bytes], originals: Sequence[Pair], copies: int) -> None:
    """Each change of some images, put among all the images: found at all, and what else is flagged with the copies."""
    random = np.random.default_rng(SEED)
    chosen = [str(each) for each in random.choice(sorted(images), min(copies, len(images)), replace=False)]
    alike = clusters(originals)
    for name, change in CHANGES.items():
        planted = {f"{each}~": fingerprint(np.ascontiguousarray(change(images[each], random))) for each in chosen}
        among = {each: prints[each] for each in chosen} | planted
        found = pairs(among)
        hits = {each.second for each in found if each.second == f"{each.first}~"}
        kinds = Counter(each.kind for each in found if each.second == f"{each.first}~")
        plain = [(each.first.rstrip("~"), each.second.rstrip("~")) for each in found]
        wrong = [(a, b) for a, b in plain if a != b and alike.get(a, a) != alike.get(b, b)]
        print(f"  {name:24} found {len(hits):3} of {len(chosen)}  {dict(kinds)}, other pairs flagged: {len(wrong)}", flush=True)


def jpeg(quality: int) -> Change:
    return lambda image, _: cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def resized(factor: float) -> Change:
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return lambda image, _: cv2.resize(image, None, fx=factor, fy=factor, interpolation=how)


def cropped(share: float) -> Change:
    """A part of this share of the area, anywhere."""

    def change(image: Pixels, random: Generator) -> Pixels:
        height, width = (max(1, round(side * share**0.5)) for side in image.shape[:2])
        top, left = random.integers(0, image.shape[0] - height + 1), random.integers(0, image.shape[1] - width + 1)
        return image[top : top + height, left : left + width]

    return change


def bordered(share: float, value: int) -> Change:
    def change(image: Pixels, _: Generator) -> Pixels:
        down, across = (round(side * share) for side in image.shape[:2])
        return cv2.copyMakeBorder(image, down, down, across, across, cv2.BORDER_CONSTANT, value=(value,) * 3)

    return change


def turned(degrees: float) -> Change:
    def change(image: Pixels, _: Generator) -> Pixels:
        height, width = image.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
        return cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)

    return change


def light(factor: float, offset: float) -> Change:
    return lambda image, _: np.clip(image * factor + offset, 0, 255).astype(np.uint8)


def after(*changes: Change) -> Change:
    def change(image: Pixels, random: Generator) -> Pixels:
        for each in changes:
            image = np.ascontiguousarray(each(image, random))
        return image

    return change


def flipped(image: Pixels, _: Generator) -> Pixels:
    return image[:, ::-1]


def full(image: Pixels, random: Generator) -> Pixels:
    """A quarter of it, enlarged to the size it had."""
    return cv2.resize(np.ascontiguousarray(cropped(0.25)(image, random)), image.shape[1::-1])


CHANGES: dict[str, Change] = {
    "none": lambda image, _: image,
    **{f"JPEG quality {each}": jpeg(each) for each in (90, 60, 30)},
    **{f"resized by {each}": resized(each) for each in (0.5, 0.7, 1.5)},
    "mirrored": flipped,
    "upside down": lambda image, _: image[::-1],
    "quarter turn": lambda image, _: np.rot90(image),
    "lighter, clipped": light(1.3, 20),
    "darker": light(0.6, 10),
    "gamma 1.6": lambda image, _: (255 * (image / 255) ** 1.6).astype(np.uint8),
    **{f"crop of {each:.0%}": cropped(each) for each in (0.8, 0.6, 0.4, 0.25)},
    "crop of 60%, mirrored": after(cropped(0.6), flipped),
    "crop of 40%, turned": after(cropped(0.4), lambda image, _: np.rot90(image)),
    "crop of 60%, x 0.7, q 60": after(cropped(0.6), resized(0.7), jpeg(60)),
    "crop of 40%, x 0.7, q 60": after(cropped(0.4), resized(0.7), jpeg(60)),
    "crop of 25%, x 2": full,
    "border of 10%, black": bordered(0.1, 0),
    "border of 25%, white": bordered(0.25, 255),
    "turned by 10 degrees": turned(10),
}

if __name__ == "__main__":
    main()
