"""The same images by all arms of a study, as pictures: those on which the arms differ most."""

from collections.abc import Mapping, Sequence

import numpy as np

from segpipe import paths
from segpipe.dataset import pack
from segpipe.dataset.pack import Pack
from segpipe.errors import PipelineError
from segpipe.experiments.alignment import Aligned
from segpipe.experiments.arms import Arm
from segpipe.experiments.outcome import Outcome
from segpipe.experiments.outputs import opened
from segpipe.images import overlay
from segpipe.images.decode import decode_mask
from segpipe.images.palette import colours
from segpipe.images.resize import shrink_image, shrink_mask
from segpipe.report.jpeg import jpeg
from segpipe.scores.intervals import Pixels, nan_mean
from segpipe.scores.settings import Setting
from segpipe.storage import zips
from segpipe.storage.byte_source import FileRange

SHOWN = 3
LONG_SIDE = 256

Shown = list[tuple[str, bytes, bytes]]
"""Each image's id, and JPEG bytes of it and of it with its truth."""


def pictures(
    part: str, arms: Mapping[str, Sequence[Arm]], outcomes: Mapping[str, Outcome], images: Aligned, settings: Sequence[Setting]
) -> tuple[Shown, dict[str, list[bytes]]]:
    """The images, and by label JPEG bytes of each one's prediction by the arm's first run.

    Without pictures where data/prepared holds other images: these are only here.
    """
    try:
        data = pack.open_pack(paths.PREPARED)
    except PipelineError:
        return [], {label: [] for label in arms}
    first = outcomes[_first(arms)]
    content = dict(zip(first.parts[part].ids, first.parts[part].content, strict=True))
    unlike = most_unlike(images.ids, settings, first.has_background)
    ids = [item for item in unlike if "".join(data.sha256.get(item, ())) == content[item]]
    shown, of_arms = [], {}
    for item in ids:
        image, truth = _picture(data, item), shrink_mask(data.mask(item), LONG_SIDE)
        shown.append((item, jpeg(image), jpeg(overlay.overlay(image, truth, colours(len(data.info.classes))))))
    for label, own in arms.items():
        of_arms[label] = _predicted(outcomes[own[0].name], part, ids, data)
    return shown, of_arms


def most_unlike(ids: Sequence[str], settings: Sequence[Setting], has_background: bool) -> list[str]:
    """The images whose Dice, a mean over an arm's runs, varies most from arm to arm; ties by their order."""
    dice = np.array([np.mean([_image_dice(run, has_background) for run in each.runs], axis=0) for each in settings])
    spread = np.nan_to_num(dice.std(axis=0), nan=-1.0)
    return [ids[number] for number in np.argsort(-spread, kind="stable")[:SHOWN] if spread[number] > 0]


def _image_dice(run: Pixels, has_background: bool) -> np.ndarray:
    """(n,) the mean Dice of an image's objects, over folds; NaN without any."""
    found = run.image_dice(1 if has_background else 0)
    return nan_mean(found) if found.ndim == 2 else found


def _first(arms: Mapping[str, Sequence[Arm]]) -> str:
    return next(iter(arms.values()))[0].name


def _picture(data: Pack, item: str) -> overlay.Picture:
    return overlay.displayed(shrink_image(data.image(item), LONG_SIDE))


def _predicted(outcome: Outcome, part: str, ids: Sequence[str], data: Pack) -> list[bytes]:
    """Of each image the prediction over it, by the first fold that predicted it."""
    found = []
    files = [paths.eval_folder(fold) / "predictions.zip" for fold in outcome.folds]
    with opened(outcome.name, outcome.commit) as fetch:
        root = fetch(files)
        places: dict[str, FileRange] = {}
        for file in reversed(files):
            places |= zips.entries(root / file)
        for item in ids:
            name = f"{part}/{item}.png"
            mask = shrink_mask(decode_mask(places[name].read(), name).astype(np.uint8), LONG_SIDE)
            found.append(jpeg(overlay.overlay(_picture(data, item), mask, colours(len(data.info.classes)))))
    return found
