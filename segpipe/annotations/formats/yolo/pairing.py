"""Which label file belongs to which image: the same path with `labels` for `images`, or side by side; then what comes near."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from segpipe.annotations.items import id_of, without_folder

IMAGES, LABELS = "images", "labels"
RUNS = "runs"
"""Where Ultralytics puts its own predictions, with label files: they are no truth."""
WORD = re.compile(r"(?<![a-z])(?:images?|imgs?|labels?)(?![a-z])", re.IGNORECASE)
"""What differs in the names of folders such as images_1st_500 and labels_1st_500."""


@dataclass(frozen=True)
class Pairs:
    """The label files of each image that counts, by relative paths; `near` are those of them in folders of other names.

    Where there is a folder `images`, an image counts in such folders, where one beside it has a label file, and where it is
    of a part that data.yaml names and that no folder `images` fills.
    """

    labels: Mapping[str, tuple[str, ...]]
    near: tuple[str, ...]


def pair(images: Iterable[str], texts: Iterable[str], parts: Mapping[str, str] | None = None) -> Pairs:
    """Each image with its label files; a file that was taken is no other image's. `parts` are those of data.yaml."""
    images, left = sorted(images), set(texts)
    inside = {name for name in images if is_below(name, IMAGES)}
    found: dict[str, tuple[str, ...]] = {}
    outside = [name for name in images if name not in inside and not (inside and is_below(name, RUNS))]
    for own in (sorted(inside), outside):
        files = _by_key(left, _exact)
        found |= {name: tuple(files[key]) for name in own if (key := without_folder(name, IMAGES)) in files}
        left -= {file for name in own for file in found.get(name, ())}
    for image_key, label_key in ((_unified, _unified), (_without_word_folder, _exact)):
        owners, files = _by_key({*inside, *outside} - found.keys(), image_key), _by_key(left, label_key)
        alone = [key for key in owners.keys() & files.keys() if len(owners[key]) == len(files[key]) == 1]
        found |= {owners[key][0]: tuple(files[key]) for key in alone}
        left -= {file for key in alone for file in files[key]}
    folders = {PurePosixPath(name).parent for name in found}
    parts = parts or {}
    filled = {parts[name] for name in inside if name in parts}
    named = {name for name, part in parts.items() if part not in filled}
    near = [name for name in images if name not in inside and (PurePosixPath(name).parent in folders or name in named)]
    counting = sorted([*inside, *near]) if inside else images
    return Pairs({name: found.get(name, ()) for name in counting}, tuple(near) if inside else ())


def is_below(name: str, folder: str) -> bool:
    """Whether a relative path leads through a folder of this name, in any case."""
    return folder in (part.lower() for part in PurePosixPath(name).parts[:-1])


def holds_labels(name: str) -> bool:
    """Whether a folder of a relative path is called as one of label files: labels, labels_1st_500."""
    return any(re.search(r"(?<![a-z])labels(?![a-z])", part.lower()) for part in PurePosixPath(name).parts[:-1])


def _by_key(names: Iterable[str], key_of: Callable[[str], str]) -> dict[str, list[str]]:
    keys: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        keys[key_of(name)].append(name)
    return keys


def _exact(text: str) -> str:
    """A text file's path less the folder `labels`. Side by side with their images, they lie in the folder of images."""
    return without_folder(text, LABELS if is_below(text, LABELS) else IMAGES)


def _unified(name: str) -> str:
    """A path in whose folders `images` and `labels` are the same word."""
    path = PurePosixPath(name)
    return id_of(PurePosixPath(*(WORD.sub("*", part.lower()) for part in path.parts[:-1]), path.name))


def _without_word_folder(image: str) -> str:
    """The path of an image in a folder such as images_1st_500, less that folder: its labels may lie in the one `labels`."""
    path = PurePosixPath(image)
    parts = path.parts[:-1]
    at = max((at for at, part in enumerate(parts) if WORD.search(part)), default=len(parts))
    return id_of(PurePosixPath(*parts[:at], *parts[at + 1 :], path.name))
