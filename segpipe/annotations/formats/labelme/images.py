"""Which image a labelme file belongs to: beside it, where its imagePath says, elsewhere by its name, or inside it."""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path, PurePosixPath

from segpipe.annotations.formats.labelme.embedded import suffix_of
from segpipe.annotations.formats.labelme.json_file import read_json, short, text
from segpipe.errors import DataError
from segpipe.images.decode import SUFFIXES


@dataclass(frozen=True)
class Match:
    """A JSON file with its image. Without one, `named` is its imagePath, and `suffix` that of the image inside it, if any.

    A `guessed` image has the right name, but lies where nothing points.
    """

    path: Path
    image: Path | None = None
    guessed: bool = False
    named: str = ""
    suffix: str | None = None


class Images:
    """The images under `root`. A JSON file can lead to these only, so that nothing outside the folder is ever read."""

    def __init__(self, root: Path, images: Iterable[Path]) -> None:
        self.root = root
        self.paths = {os.path.normpath(path): path for path in images}
        self.by_stem: dict[tuple[Path, str], list[Path]] = defaultdict(list)
        self.by_name: dict[str, list[Path]] = defaultdict(list)
        for path in self.paths.values():
            self.by_stem[path.parent, _folded(path.stem)].append(path)
            self.by_name[_folded(path.name)].append(path)

    def match(self, path: Path) -> Match | DataError:
        """The image that a JSON file points to, or none; the file is read only where no single image has its name."""
        same_stem = self.by_stem.get((path.parent, _folded(path.stem)), ())
        beside = [image for image in same_stem if image.stem == path.stem] or self._at(path.parent / path.stem)
        if len(beside) == 1:
            return Match(path, beside[0])
        try:
            content = read_json(path.read_bytes(), self.display_name(path))
        except DataError as problem:
            return problem
        except OSError as error:
            return DataError(
                self.display_name(path), f"could not be read ({error.strerror})", "Mend its rights, or copy it again."
            )
        named = text(content, "imagePath").replace("\\", "/").replace("\0", "")  # a path of Windows; no path may hold a zero
        if beside:
            return self._one_of(beside, path, PurePosixPath(named).name)
        pointed = self._at(path.parent / named) or self._at(path.parent / PurePosixPath(named).name)
        if not pointed and PurePosixPath(named).name not in ("", ".."):
            pointed = self._of_stem(path.parent / named)
        if pointed:
            return Match(path, pointed[0])
        return Match(path, named=named, suffix=suffix_of(content) if content.get("imageData") else None)

    def find_by_name(self, match: Match, taken: Set[Path]) -> Match | DataError:
        """For a JSON that points nowhere: the one free image of its name in the folder; else the image inside it."""
        near = self.by_stem.get((match.path.parent, _folded(match.path.stem)), ())
        far = self.by_name.get(_folded(PurePosixPath(match.named).name), ())
        free = [image for image in near or far if image not in taken]
        most = max((_shared(match.named, image) for image in free), default=0)
        best = [image for image in free if _shared(match.named, image) == most]
        if len(best) == 1:
            return replace(match, image=best[0], guessed=True)
        if match.suffix is not None:
            return match
        if best:
            return DataError(
                self.display_name(match.path), "several images have the name of its image", "Put the right one beside it."
            )
        name = PurePosixPath(match.named).name
        if name and os.path.isfile(match.path.parent / name):  # noqa: PTH113 - a Path raises for names that are too long
            what = f'its image "{short(name)}" is of a kind that is not read'
            return DataError(self.display_name(match.path), what, f"Save it under the same name as one of {', '.join(SUFFIXES)}.")
        remedy = "Put the image beside the JSON file, or remove the file."
        return DataError(self.display_name(match.path), f'its image "{short(match.named)}" is not in the folder', remedy)

    def display_name(self, path: Path) -> str:
        """A path as messages name it."""
        return path.relative_to(self.root).as_posix()

    def _at(self, path: Path) -> list[Path]:
        """The image at a path, if there is one. Links are not followed: DVC may keep every image behind one."""
        image = self.paths.get(os.path.normpath(path))
        return [image] if image else []

    def _of_stem(self, path: Path) -> list[Path]:
        """The image whose path lacks its suffix, as in old exports of Supervisely, if there is one."""
        folder, name = os.path.split(os.path.normpath(path))
        found = self.by_stem.get((Path(folder), _folded(name)), [])
        return found if len(found) == 1 else []

    def _one_of(self, beside: Sequence[Path], path: Path, named: str) -> Match | DataError:
        """Of several images with the JSON's name the one that it names."""
        exact = [image for image in beside if image.name == named]
        if exact:
            return Match(path, exact[0])
        what = f"{len(beside)} images have its name ({', '.join(image.suffix for image in beside)})"
        return DataError(self.display_name(path), what, "Keep the one that was annotated, and move the others away.")


def _folded(name: str) -> str:
    """A name as systems compare it that know neither capitals nor how an accent is stored."""
    return unicodedata.normalize("NFC", name).casefold()


def _shared(named: str, image: Path) -> int:
    """How many parts at the end of two paths are the same."""
    pairs = zip(reversed(PurePosixPath(named).parts), reversed(image.parts), strict=False)
    return sum(1 for _ in takewhile(lambda pair: _folded(pair[0]) == _folded(pair[1]), pairs))
