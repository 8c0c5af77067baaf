"""Finds the image file of an entry in a COCO file, and the part it belongs to."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath

from segpipe.annotations.formats.coco.file import CocoFile, ListedImage
from segpipe.annotations.items import part_in_names
from segpipe.errors import DataError


class ImageLookup:
    """Finds the image that a file_name means: only files below the data's folder count, so none can lead elsewhere."""

    def __init__(self, images: Iterable[str]) -> None:
        self.images = set(images)
        self.of_name: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self.images):
            self.of_name[PurePosixPath(name).name].append(name)

    def of(self, file: CocoFile, image: ListedImage) -> str | DataError:
        """The relative path of a listed image: beside its file, below the root, by the end of its path, or by its name."""
        path = PurePosixPath(image.file_name.replace("\\", "/"))
        if ".." not in path.parts and not path.is_absolute():
            for folder in (PurePosixPath(file.name).parent, PurePosixPath()):
                if (folder / path).as_posix() in self.images:
                    return (folder / path).as_posix()
        called = self.of_name.get(path.name, [])
        ending = [name for name in called if f"/{name}".endswith(f"/{path.as_posix()}")] or called
        part = part_of(file, "")
        fitting = [name for name in ending if part and part_in_names(PurePosixPath(name).parts[-2::-1]) == part] or ending
        if len(fitting) == 1:
            return fitting[0]
        where = f"{image.file_name} in {file.name}"
        if fitting:
            return DataError(where, "an image whose name several files have", "Write its path below data.path as file_name.")
        return DataError(where, "listed, but not in the folder", "Add the image, or take it out of the file.")


def part_of(file: CocoFile, image: str) -> str:
    """What the file's own name says, then its folders, the nearest first, then the folders of the image."""
    path = PurePosixPath(file.name)
    return part_in_names([path.name, *path.parts[-2::-1], *PurePosixPath(image).parts[-2::-1]])
