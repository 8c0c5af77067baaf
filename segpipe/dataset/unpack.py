"""A pack as folders that a person can open: images as they came, masks as plain gray PNG of class ids, names, lists."""

import io
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from segpipe.console.progress import track
from segpipe.dataset.pack import Pack
from segpipe.errors import PipelineError
from segpipe.images.decode import decode_mask
from segpipe.storage.csv_table import csv_text
from segpipe.storage.files import write_bytes, write_text


def unpack(pack: Pack, folder: Path) -> None:
    """Writes images/ID.SUFFIX with the user's own bytes, masks/ID.png (class ids, 255 ignored), classes.txt, and where the
    data came with them lists and groups.csv. `segpipe init` and `convert` read such a folder again, to the same."""
    for name in track(map(str, pack.index.index), "unpacking", len(pack.index)):
        write_bytes(folder / "images" / f"{name}{pack.suffixes[name]}", pack.images[name].read())
        write_bytes(folder / "masks" / f"{name}.png", _plain(pack.masks[name].read(), name))
    write_text(folder / "classes.txt", "".join(f"{name}\n" for name in pack.info.classes))
    for name, text in {**_lists(pack), **_groups(pack)}.items():
        write_text(folder / name, text)


def _lists(pack: Pack) -> dict[str, str]:
    """train.txt, val.txt and test.txt where the data came with lists, and trainval.txt for images that no part was given."""
    given = pack.index["given"]
    files = {"train.txt": "train", "val.txt": "val", "test.txt": "test", "trainval.txt": ""} if (given != "").any() else {}
    ids = {name: pack.index.index[given == part] for name, part in files.items()}
    return {name: "".join(f"{item}{pack.suffixes[item]}\n" for item in own) for name, own in ids.items() if len(own)}


def _groups(pack: Pack) -> dict[str, str]:
    """groups.csv where images have groups; one without is a group by itself, since the table names every image."""
    groups = dict(pack.index["group"].items())
    names = {name for name in groups.values() if name}
    alone = {item: _unlike(str(item), names) for item, name in groups.items() if not name}
    rows = [(f"images/{item}{pack.suffixes[str(item)]}", name or alone[item]) for item, name in groups.items()]
    return {"groups.csv": csv_text(("image", "group"), rows)} if names else {}


def _unlike(name: str, others: Collection[str]) -> str:
    """The name, or one made of it that none of the others is."""
    while name in others:
        name += "'"
    return name


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder beside `folder` that takes its place when the block has ended well, and is gone otherwise.

    Raises PipelineError where `folder` is there already and not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PipelineError(f"{folder}: is there already. Name a new folder, or take this one away.")
    # Beside it, since a rename is one step within a file system only.
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
        if folder.exists():
            # Empty, as was asked above; it refuses where something came in between.
            folder.rmdir()
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _plain(mask_png: bytes, name: str) -> bytes:
    """Gray, where the pack has a palette: many programs read a palette as colours."""
    stream = io.BytesIO()
    Image.fromarray(decode_mask(mask_png, name).astype(np.uint8)).save(stream, format="PNG", compress_level=6)
    return stream.getvalue()
