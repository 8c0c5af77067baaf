"""Results of examinations cached between commands, under keys that cover all that decides them.

The key of an image's results covers its bytes alone, so that other classes do not read it again. That of an annotation covers
its bytes, its image's, the names that messages use, and the reader with its arguments. Both cover the code that reads and the
versions of the libraries. Only successes are cached: what is refused is read, and reported, again.
"""

import dataclasses
import hashlib
import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import cv2
from pydantic import BaseModel

from segpipe.annotations import cache_encoding
from segpipe.annotations.examination.pages import Page
from segpipe.annotations.formats.coco.file import AnnotationSpans
from segpipe.annotations.formats.masks.mask_files import MaskFiles
from segpipe.annotations.items import Item, Reader
from segpipe.storage.byte_source import ByteSource, FileRange, InMemory
from segpipe.storage.examination_cache import Cache

Value = TypeVar("Value")
LIBRARIES = ("numpy", "opencv-python-headless", "pillow")
PACKAGE = Path(__file__).parents[2]
ROOMS = ("annotations", "images", "params", "storage")
BYTES_ONLY = (FileRange, InMemory, Page, AnnotationSpans)
"""Annotations whose bytes are all that they hold; results of any other kind are not cached."""


@dataclass
class CacheView:
    """The cache as one task sees it: it reads, and notes the `new` entries to add and the keys `used`."""

    cache: Cache
    new: list[tuple[str, bytes]] = field(default_factory=list)
    used: list[str] = field(default_factory=list)

    def get_or_compute(
        self, key: str, make: Callable[[], Value], pack: Callable[[Value], Any], unpack: Callable[[Any], Value]
    ) -> Value:
        """The value cached under `key`, else the one that `make` gives, noted as new.

        `pack` turns it into values that `cache_encoding` takes, `unpack` does the reverse.
        An empty key skips the cache. What `make` raises is raised, and not cached.
        """
        content = self.cache.get(key) if key else None
        if content is not None:
            try:
                value = unpack(cache_encoding.decode(content))
            except (
                ValueError,
                LookupError,
                TypeError,
                AttributeError,
            ):  # an entry whose checksum is right, of some other program
                pass
            else:
                self.used.append(key)
                return value
        value = make()
        content = cache_encoding.encode(pack(value)) if key and self.cache.path else None
        if content is not None:
            self.new.append((key, content))
        return value


def image_key(content_hash: str, near_duplicates: str) -> str:
    """The key of an image's own results."""
    return _key("image", content_hash, near_duplicates)


def annotation_key(what: str, item: Item, image_hash: str, read: Reader) -> str:
    """The key of the result `what` of an annotation under this reader; empty for a reader that cannot be described.

    Raises OSError as reading does.
    """
    reader = describe_reader(read)
    own = "" if item.annotation is None else _hash_of(item.annotation)
    if not reader or own is None:
        return ""
    return _key(what, image_hash, own, item.id, item.source, item.annotation_name, item.suffix, reader)


def _hash_of(annotation: ByteSource) -> str | None:
    """A hash of all that the annotation holds; None for a kind that holds more than bytes."""
    if isinstance(annotation, MaskFiles):
        parts = [(each.name, each.class_name, _hash_of(each.byte_source)) for each in annotation.files]
        return None if any(own is None for _, _, own in parts) else hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    return hashlib.sha256(annotation.read()).hexdigest() if isinstance(annotation, BYTES_ONLY) else None


def pairs_key(fingerprints: Sequence[bytes]) -> str:
    """The key of the pairs among images of these fingerprints in this order."""
    digest = hashlib.sha256()
    for each in fingerprints:
        # With its length, so that no two lists are the same bytes.
        digest.update(len(each).to_bytes(8, "little") + each)
    return _key("pairs", digest.hexdigest())


def describe_reader(value: Any) -> str:
    """A reader with its arguments as text; empty where some are of a kind whose text may not say all."""
    try:
        return json.dumps(_describe(value))
    except (TypeError, ValueError):
        return ""


def _describe(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, partial):
        return ["partial", _qualified_name(value.func), _describe(value.args), _describe(value.keywords)]
    if isinstance(value, Mapping):
        return ["map", *([_describe(key), _describe(each)] for key, each in value.items())]
    if isinstance(value, list | tuple):
        return ["list", *map(_describe, value)]
    if isinstance(value, BaseModel):
        return [_qualified_name(type(value)), _describe(value.model_dump())]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [_qualified_name(type(value)), *(_describe(getattr(value, each.name)) for each in dataclasses.fields(value))]
    raise TypeError(type(value).__name__)


def _qualified_name(thing: Any) -> str:
    name = f"{thing.__module__}.{thing.__qualname__}"
    if "<" in name:  # a function within another one may hold anything
        raise TypeError(name)
    return name


def _key(*parts: str) -> str:
    return hashlib.sha256(json.dumps([_code_and_versions(), *parts]).encode("ascii")).hexdigest()


def code_files() -> list[Path]:
    """The files whose code decides a result, sorted, and some more: too many cost a second reading, too few stale results."""
    return sorted([*PACKAGE.glob("*.py"), *(path for room in ROOMS for path in (PACKAGE / room).rglob("*.py"))])


@cache
def _code_and_versions() -> str:
    """The code that reads, and the versions and the processor's abilities that decide bytes."""
    digest = hashlib.sha256()
    for path in code_files():
        digest.update(f"{path.relative_to(PACKAGE).as_posix()}\n".encode() + path.read_bytes())
    versions = [platform.python_version(), *(metadata.version(each) for each in LIBRARIES), cv2.getCPUFeaturesLine()]
    return f"{digest.hexdigest()} {' '.join(versions)}"
