"""What it takes to open a large COCO file so that each image can be read: seconds and memory, against `json.load`.

Both end with the annotations of each image at hand. Each run is a process of its own. The file is made for it.

    python bench/coco_file.py [ANNOTATIONS] [ROUNDS]
"""

import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    n_annotations = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "instances_train.json"
        make(path, n_annotations)
        print(f"{n_annotations} annotations, {path.stat().st_size / 1e6:.0f} MB")
        runs = {way: [measured(way, path) for _ in range(rounds)] for way in ("ours", "json")}
    for at, what in enumerate(("seconds", "MB at most")):
        ours, usual = (statistics.median(run[at] for run in runs[way]) for way in ("ours", "json"))
        print(f"{what}: {ours:.2f} against {usual:.2f} of json.load, ratio {ours / usual:.2f}, medians of {rounds}")


def make(path: Path, n_annotations: int) -> None:
    """As COCO's own: seven objects an image, polygons of some 30 points with two decimals."""
    draw = random.Random(0)
    n_images = n_annotations // 7 + 1
    images = [{"id": at, "file_name": f"{at:012}.jpg", "width": 640, "height": 480} for at in range(n_images)]
    with path.open("w") as stream:
        stream.write(f'{{"images": {json.dumps(images)}, "annotations": [')
        for at in range(n_annotations):
            points = [round(draw.uniform(0, 480), 2) for _ in range(60)]
            own = {"id": at, "image_id": draw.randrange(n_images), "category_id": 1, "iscrowd": 0, "segmentation": [points]}
            stream.write(f"{', ' if at else ''}{json.dumps(own)}")
        stream.write('], "categories": [{"id": 1, "name": "thing"}]}')


def measured(way: str, path: Path) -> tuple[float, float]:
    """Seconds, and the most memory in MB, of one process."""
    result = subprocess.run([sys.executable, __file__, way, str(path)], capture_output=True, text=True, check=True)
    seconds, megabytes = map(float, result.stdout.split())
    return seconds, megabytes


def one(way: str, path: Path) -> None:
    """Opens the file, and says what it took."""
    from segpipe.annotations.formats.coco.file import read_file

    start = time.perf_counter()
    if way == "ours":
        file = read_file(path, path.name)
        assert file and [file.pieces(image) for image in file.images]
    else:
        with path.open() as stream:
            content = json.load(stream)
        of_image: dict[int, list[object]] = {image["id"]: [] for image in content["images"]}
        for annotation in content["annotations"]:
            of_image[annotation["image_id"]].append(annotation)
    print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    if sys.argv[1:2] in (["ours"], ["json"]):
        one(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
