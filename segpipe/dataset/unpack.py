"""A pack as folders that a person can open: images as they came, masks as plain gray PNG of class ids, names, lists."""

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from segpipe.dataset.pack import Pack
from segpipe.errors import PipelineError
from segpipe.files import write_bytes, write_text
from segpipe.images import decode_mask
from segpipe.progress import track


def unpack(pack: Pack, folder: Path) -> None:
    """Writes images/ID.SUFFIX with the user's own bytes, masks/ID.png (class ids, 255 ignored), classes.txt, and
    train.txt, val.txt and test.txt where the data came with lists. `segpipe init` reads such a folder again."""
    for name in track(map(str, pack.index.index), "unpacking", len(pack.index)):
        write_bytes(folder / "images" / f"{name}{pack.suffixes[name]}", pack.images[name].read())
        write_bytes(folder / "masks" / f"{name}.png", _plain(pack.masks[name].read(), name))
    write_text(folder / "classes.txt", "".join(f"{name}\n" for name in pack.info.classes))
    given = pack.index["given"]
    for part in ("train", "val", "test") if (given != "").all() else ():
        if (given == part).any():
            write_text(folder / f"{part}.txt", "".join(f"{item}\n" for item in pack.index.index[given == part]))


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder beside `folder` that takes its place when the block has ended well, and is gone otherwise.

    Raises PipelineError where `folder` is there already and not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PipelineError(f"{folder}: is there already. Name a new folder, or take this one away.")
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _plain(mask_png: bytes, name: str) -> bytes:
    """Gray, where the pack has a palette: many programs read a palette as colours."""
    stream = io.BytesIO()
    Image.fromarray(decode_mask(mask_png, name).astype(np.uint8)).save(stream, format="PNG", compress_level=6)
    return stream.getvalue()
