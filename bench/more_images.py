"""What models give on more images of a made set than the set has: few test images tell two models apart by chance alone.

Run in the repository: python bench/more_images.py SET N MODEL ...

SET is one of those that bench/made_sets.py draws, and MODEL a model.safetensors or model.onnx that was trained on it (with
bench/defaults.py --keep: project/models/fold0/model.safetensors). N images are drawn that follow those of the set, and each model
predicts them all. Prints a row a model: mIoU and Dice of their pixels together.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import made_sets
from made_sets import Mask

import segpipe
from segpipe.scores.counts import Confusion, confusion, scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=[*made_sets.SETS], metavar="SET")
    parser.add_argument("count", type=int, metavar="N")
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    options = parser.parse_args()
    models = [segpipe.load(each) for each in options.models]
    counts: list[list[Confusion]] = [[] for _ in models]
    for file, mask in further(options.name, options.count):
        for model, found in zip(models, counts, strict=True):
            found.append(confusion(mask, model.predict(file).ids, len(model.classes)))
    print("| model | images | mIoU | Dice |\n|---|---|---|---|")
    for name, model, found in zip(options.models, models, counts, strict=True):
        total = scores(found, model.card.has_background)
        print(f"| {name} | {len(found)} | {total['miou']:.4f} | {total['dice']:.4f} |")


def further(name: str, count: int) -> Iterator[tuple[Path, Mask]]:
    """So many images that follow those of one of made_sets.SETS, each in a file that goes with the next, and their masks."""
    made = made_sets.SETS[name]
    for number in range(made.n_images, made.n_images + count):
        image, mask = made_sets.drawn(name, number)
        # Through a file: JPEG changes what is drawn.
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"{number}{made.suffix}"
            cv2.imwrite(str(file), *image)
            yield file, mask


if __name__ == "__main__":
    main()
