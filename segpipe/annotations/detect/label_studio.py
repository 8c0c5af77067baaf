"""Label Studio's masks of brushes: PNGs whose names hold a task and a tag, but not the image."""

import re
from pathlib import Path

from segpipe.annotations.items import images_below

MASK = re.compile(r"task-[0-9]+-annotation-[0-9]+-by-.+-tag-(?P<tag>.+)-[0-9]+", re.IGNORECASE)


def hint(root: Path, pairs: str) -> str:
    """What to do about such masks under `root`, where `pairs` is the name of a list of pairs; empty where there are none."""
    paths = list(images_below(root))
    matches = [(path, MASK.fullmatch(path.stem)) for path in paths]
    masks = [(path.relative_to(root).as_posix(), match["tag"]) for path, match in matches if match]
    if not masks:
        return ""
    images = [path.relative_to(root).as_posix() for path, match in matches if not match]
    mask, tag = masks[0]
    line = f"{images[0] if images else 'images/NAME.jpg'},{mask},{tag}"
    return (
        f"{len(masks)} masks of Label Studio such as {mask}, whose names tell a task and a tag but not the image. Write {pairs} "
        f"into this folder, with the first line image,mask,class and then a line a mask, such as {line} (Label Studio's JSON "
        f"export names the image of each task), and give the command again."
    )
