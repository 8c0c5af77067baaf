"""`obj.data` of Darknet, as CVAT exports YOLO 1.1: the lists of images for training, validation and test."""

from pathlib import Path

from segpipe.annotations.formats.yolo.names import KEYS, DataYaml, PathEntry
from segpipe.storage.text_file import read_text

FILE = "obj.data"


def find(root: Path) -> DataYaml | None:
    """The lists that obj.data names, as data.yaml would. No names: `read_list` has those.

    Raises PipelineError for a file that is no text.
    """
    path = root / FILE
    if not path.is_file():
        return None
    lines = (line.partition("=") for line in read_text(path).splitlines())
    pairs = [(key.strip(), value.strip()) for key, _, value in lines]
    # CVAT writes data/train.txt, whatever folder that lies in: what is in front is left off till something is there.
    paths = tuple(PathEntry(key, *_split(value)) for key, value in pairs if key in KEYS and value)
    return DataYaml(FILE, {}, paths)


def _split(value: str) -> tuple[str, str]:
    """A path's folder and its last part."""
    folder, _, name = value.replace("\\", "/").rpartition("/")
    return folder, name
