"""Which images a VOC tree's lists give to which part, so that nothing listed is dropped and none of val is trained on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from segpipe.annotations.items import PARTS
from segpipe.errors import DataError, PipelineError

FOLDER = "ImageSets/Segmentation"
TRAINVAL = "trainval"
NEEDED = "A VOC tree needs train.txt and val.txt, or trainval.txt."


@dataclass(frozen=True)
class ListedImage:
    """An image as a list names it, with the file's name and the part that the list means."""

    image: str
    listed_in: str
    part: str


@dataclass(frozen=True)
class Selection:
    """All that the lists name, the files that were read, and what is to be said of them.

    `without_masks` are the images of a test list without masks, as VOC's own is.
    """

    given: tuple[ListedImage, ...]
    files: tuple[str, ...]
    problems: tuple[DataError, ...]
    without_masks: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Lists:
    """The lists of one kind: the names of their files, and the images in their order with the file of each."""

    files: tuple[str, ...] = ()
    images: tuple[tuple[str, str], ...] = ()

    @property
    def ids(self) -> set[str]:
        return {image for image, _ in self.images}

    def beyond(self, *others: "_Lists") -> "_Lists":
        """What no list of the others names."""
        named = set().union(*(other.ids for other in others))
        return _Lists(self.files, tuple(each for each in self.images if each[0] not in named))


def select_images(lists: Mapping[str, Sequence[str]], has_mask: Callable[[str], bool], tree: str) -> Selection:
    """The parts of all listed images; `lists` holds each file's images by the file's name.

    VOC's val list is the test part, since its own test has no public masks; validation comes out of train. Where the test
    list names masks too, the three lists are the three parts. Raises PipelineError where there is nothing to train on.
    """
    train, val, test, trainval, other = (_of_kind(lists, kind) for kind in ("train", "val", "test", TRAINVAL, ""))
    has_test = any(map(has_mask, test.ids))
    without_masks = () if has_test else tuple(sorted(test.ids))
    test = test if has_test else _Lists(test.files)
    if not (train.images or val.images or test.images or trainval.images):
        return _of_others(other, (*train.files, *val.files, *trainval.files), tree)
    train, val, problems = _complete_from_trainval(train, val, trainval, test, tree)
    has_all = bool(val.images and test.images)
    parts = ((train, "train" if has_all else ""), (val, "val" if has_all else "test"), (test, "test"))
    given = tuple(ListedImage(image, file, part) for own, part in parts for image, file in own.images)
    files = tuple(dict.fromkeys(file for own in (train, val, test) for file in own.files))
    return Selection(given, files, tuple(problems), without_masks)


def _of_kind(lists: Mapping[str, Sequence[str]], kind: str) -> _Lists:
    own = [file for file in sorted(lists) if _kind(file) == kind]
    return _Lists(tuple(own), tuple((image, file) for file in own for image in lists[file]))


def _kind(file: str) -> str:
    """train, val, test or trainval, by the name in any case; empty for another list, such as CVAT's default.txt."""
    name = file.rpartition(".")[0].lower()
    return TRAINVAL if name.replace("_", "") == TRAINVAL else PARTS.get(name, "")


def _of_others(other: _Lists, empty: Sequence[str], tree: str) -> Selection:
    """All images, where the lists say no part."""
    if not other.images and not (empty or other.files):
        raise PipelineError(f"{tree}: {FOLDER} has no train.txt. {NEEDED}")
    what = DataError(f"{FOLDER}/{(*empty, *other.files)[0]}", "a list without any image in it", "List the images, an id a line.")
    given = tuple(ListedImage(image, file, "") for image, file in other.images)
    return Selection(given, other.files, () if given else (what,))


def _complete_from_trainval(
    train: _Lists, val: _Lists, trainval: _Lists, test: _Lists, tree: str
) -> tuple[_Lists, _Lists, list[DataError]]:
    """The two lists, one that is missing or empty made of trainval less the other, with a sentence that says so."""
    rest = trainval.beyond(train, val, test)
    file = f"{FOLDER}/{trainval.files[0]}" if trainval.files else FOLDER
    number = f"{len(rest.ids)} image{'s' if len(rest.ids) > 1 else ''}"
    remedy = "See the lists if that is not meant."
    if not train.images and not rest.images:
        if not train.files and not trainval.images:
            raise PipelineError(f"{tree}: {FOLDER} has no train.txt. {NEEDED}")
        name = f"{FOLDER}/{train.files[0]}" if train.files else file
        beside = " and ".join((*val.files, *test.files))
        remedy = "List the images to train on."
        return train, val, [DataError(name, f"names no image to train on beside {beside}", remedy)]
    if not train.images:
        what = f"names {number} that {_names(val, test)} not, which are trained on, since {_why(train, 'train.txt')}"
        own = [DataError(file, what, remedy, warning=True)] if val.images or test.images else []
        return rest, val, own
    if rest.images and not val.images:
        what = f"names {number} that {_names(train, test)} not, which are the part of val, since {_why(val, 'val.txt')}"
        return train, rest, [DataError(file, what, remedy, warning=True)]
    if rest.images:
        what = f"names {number} that {_names(train, val, test)} not, which are trained on"
        both = _Lists((*train.files, *rest.files), (*train.images, *rest.images))
        return both, val, [DataError(file, what, remedy, warning=True)]
    return train, val, []


def _names(*lists: _Lists) -> str:
    files = [file for each in lists if each.images for file in each.files]
    return f"{' and '.join(files)} {'does' if len(files) == 1 else 'do'}"


def _why(own: _Lists, name: str) -> str:
    return f"{own.files[0]} is empty" if own.files else f"there is no {name}"
