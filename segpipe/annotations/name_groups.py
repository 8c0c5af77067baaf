"""Groups that the names of images show (patients, slides, sequences), as a suggestion for split.group_pattern."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

WORDS = (
    *("patient", "subject", "subj", "pat", "case", "specimen", "donor", "animal", "mouse", "slide", "wsi", "study", "exam"),
    *("visit", "series", "volume", "vol", "scan", "sequence", "seq", "video", "vid", "clip", "scene", "site", "plot", "field"),
    "tree",
)
"""Words that name what images are taken of, before a number; the whole before its parts."""
PARTS = ("train", "training", "val", "valid", "validation", "test", "testing", "images", "image", "imgs", "img", "masks")
"""Folders that say what a file is for, not whom it shows."""
DEEPEST = 4
"""Parts of a name that a suggested group consists of, at most."""
FEWEST, MEAN, COVERED = 3, 2, 0.9
"""A suggestion makes at least so many groups, of at least so many images on average, and covers this share of the images."""


def suggest_pattern(ids: Sequence[str]) -> str | None:
    """A pattern for split.group_pattern whose brackets match a plausible group of images in these ids, or None.

    Plausible are groups of a name with a number (`patient03`, `0016E5`, `P01`), or many with words alone, several of them
    and with several images each. Of several plausible ways the coarsest is suggested: it cannot leak.
    """
    return next((pattern for pattern in _candidates(ids) if _plausible(pattern, ids)), None)


def _candidates(ids: Sequence[str]) -> Iterator[str]:
    """Known words with a number, then the first part of the name, the first two, and so on; coarse before fine."""
    before = _common_folder(ids)
    lower = "\n".join(ids).lower()
    for word in WORDS:
        pattern = f"(?i)(?:^|[/_. -])({word}[_ -]?[0-9]+)"
        if word in lower and _stands_for_one(pattern, before, ids):
            yield pattern
    for depth in range(1, DEEPEST + 1):
        yield f"^{before}({'[/_. -]'.join(['[^/_. -]+'] * depth)})[/_. -]"
    yield f"^{before}([A-Za-z]+[0-9]+)[A-Za-z]+[0-9]+$"


def _stands_for_one(pattern: str, before: str, ids: Sequence[str]) -> bool:
    """Whether what it matches always follows the same text: slide 1 of A01 is not slide 1 of A02."""
    expression, folder = re.compile(pattern), re.compile(f"^{before}")
    found = {(folder.sub("", item[: match.start(1)]), match[1]) for item in ids if (match := expression.search(item))}
    return len(found) == len({name for _, name in found})


def _common_folder(ids: Sequence[str]) -> str:
    """A pattern for folders such as train/, where all images lie in such ones."""
    first = {item.split("/", 1)[0] for item in ids if "/" in item}
    found = sorted(name for name in first if name.lower() in PARTS)
    return f"(?:{'|'.join(map(re.escape, found))})/" if found and all(item.split("/", 1)[0] in found for item in ids) else ""


def _plausible(pattern: str, ids: Sequence[str]) -> bool:
    expression = re.compile(pattern)
    names = [match[1] for item in ids if (match := expression.search(item))]
    groups = Counter(names)
    if len(groups) < FEWEST or len(names) < MEAN * len(groups) or len(names) < COVERED * len(ids):
        return False
    if max(groups.values()) > len(ids) // 2 or all(re.fullmatch("(19|20)[0-9]{2}", name) for name in groups):
        return False  # One group for most images, or years: both say how images were named, not what they show.
    single = sum(1 for number in groups.values() if number == 1)
    numbered = sum(1 for name in groups if re.search("[0-9]", name))
    return 2 * single <= len(groups) and (numbered >= COVERED * len(groups) or len(groups) >= 10)
