"""The winner's score, from images that did not choose it: the best of many scores is high by luck, too.

The images are dealt into parts, groups whole. For each part the setting with the highest score on the other parts is taken, and
the part has that setting's pixels; the score of all of them together is that of choosing, then scoring elsewhere (cross-fitting).
Where settings have several runs the choosing leaves out the run that is scored as well, or a lucky seed would choose itself.
Parts go by the SHA-256 of names, so nothing is drawn and no order of images matters.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segpipe.scores.intervals import Floats, Interval, Pixels, jackknives, score_intervals
from segpipe.scores.paired import require_same_images
from segpipe.scores.settings import Setting

PARTS = 5


@dataclass(frozen=True)
class Winner:
    """`name` has the highest score on all images, `best`; `value` is what choosing gives where it did not choose, with the 95 %
    interval over images. `chosen` says how often each setting was taken, over the parts and runs. None: there is no score.
    """

    name: str
    best: float | None
    value: float | None
    interval: Interval
    chosen: dict[str, int]


def winner(
    settings: Sequence[Setting], score: str, has_background: bool, ids: Sequence[str], groups: Sequence[str] | None = None
) -> Winner:
    """Of several settings by a score that `score_intervals` gives; `ids` are the images' names, and the rest is as there.

    Where settings have unlike numbers of runs, the runs of those with fewer are taken again from their first one on.
    Raises ValueError for runs of other images, and for fewer than two of them or of their groups.
    """
    require_same_images([run for each in settings for run in each.runs])
    parts = deal(ids, groups)
    # (parts, runs) of each setting: the scores without each part, the last one of nothing left out.
    found = [_without_parts(each, score, has_background, parts) for each in settings]
    means = [float(values[-1].mean()) for values in found]
    n_runs = max(len(each.runs) for each in settings)
    taken = np.array([[_best(found, part, run) for run in range(n_runs)] for part in range(parts.max() + 1)])
    pixels = _composed(settings, taken[parts])
    whole = jackknives(pixels, [score], has_background, groups)[score].whole
    bounds = score_intervals(pixels, has_background, groups)[score]
    chosen, at = Counter(settings[each].name for each in taken.ravel()), _highest(means)
    return Winner(settings[at].name, _or_none(means[at]), _or_none(whole), bounds, dict(chosen))


def deal(ids: Sequence[str], groups: Sequence[str] | None) -> NDArray[np.intp]:
    """(n,) the part of each image, 0 .. PARTS - 1 or as many as there are groups; parts differ by one group at most."""
    # A group's name cannot be that of an image.
    keys = [(0, item) if not group else (1, group) for item, group in zip(ids, groups or [""] * len(ids), strict=True)]
    ordered = sorted(set(keys), key=lambda key: hashlib.sha256(f"{key[0]}{key[1]}".encode()).digest())
    if len(ordered) < 2:
        raise ValueError(f"{len(ordered)} images or groups: choosing on one part and scoring on another takes two")
    place = {key: number % PARTS for number, key in enumerate(ordered)}
    return np.array([place[key] for key in keys])


def _without_parts(setting: Setting, score: str, has_background: bool, parts: NDArray[np.intp]) -> Floats:
    """(parts + 1, runs) the score of each run without each part, and of all."""
    groups = [str(part) for part in parts]
    found = [jackknives(run, [score], has_background, groups)[score] for run in setting.runs]
    # Units come in the order in which their first image does.
    units = np.argsort(list(dict.fromkeys(parts.tolist())))
    return np.array([[*each.without[units], each.whole] for each in found]).T


def _best(found: Sequence[Floats], part: int, run: int) -> int:
    """The setting with the highest mean without the part and, where there are others, the run."""
    others = [np.delete(values[part], run % values.shape[1]) if values.shape[1] > 1 else values[part] for values in found]
    return _highest([float(each.mean()) for each in others])


def _highest(values: Sequence[float]) -> int:
    """The first of the highest; a setting without a score is below all."""
    return int(np.argmax([-math.inf if math.isnan(each) else each for each in values]))


def _composed(settings: Sequence[Setting], taken: NDArray[np.intp]) -> Pixels:
    """(n, runs x folds, K) pixels of the setting that is taken for each image and run, (n, runs)."""
    n_images, n_runs = taken.shape
    rows = []
    for run in range(n_runs):
        of_run = [_folds(each.runs[run % len(each.runs)]) for each in settings]
        rows.append([np.stack([getattr(each, name) for each in of_run]) for name in ("hits", "true", "seen")])
    images = np.arange(n_images)
    of_part = [[part[taken[:, run], images] for part in row] for run, row in enumerate(rows)]
    return Pixels(*(np.concatenate([row[number] for row in of_part], axis=1) for number in range(3)))


def _folds(pixels: Pixels) -> Pixels:
    return pixels if pixels.hits.ndim == 3 else Pixels(pixels.hits[:, None], pixels.true[:, None], pixels.seen[:, None])


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
