"""How each arm of a study came to see one and the same image: its prediction after every epoch whose weights were kept."""

from collections.abc import Mapping, Sequence

from segpipe import paths
from segpipe.dataset import pack
from segpipe.dataset.pack import Pack
from segpipe.errors import PipelineError
from segpipe.experiments.arms import Arm
from segpipe.experiments.outcome import Outcome
from segpipe.experiments.outputs import opened
from segpipe.inference import closer_look_file, snapshot_scores
from segpipe.inference.closer_look_file import Map
from segpipe.inference.snapshot_scores import SnapshotScores
from segpipe.report.closer_look import strip

Epochs = Mapping[int, Map]


def evolutions(
    part: str, arms: Mapping[str, Sequence[Arm]], outcomes: Mapping[str, Outcome]
) -> tuple[str, dict[str, dict[str, bytes]]]:
    """An image's id, and by label its pictures by caption, of the arm's first run: truth, then epoch after epoch.

    "" where no image was followed by two arms, or data/prepared holds another of that name.
    """
    firsts = {label: outcomes[own[0].name] for label, own in arms.items()}
    followed = {label: epochs for label, each in firsts.items() if (epochs := _followed(each))}
    try:
        data = pack.open_pack(paths.PREPARED)
    except PipelineError:
        return "", {}
    here = [item for item in _shared(followed) if _is_here(item, part, [firsts[label] for label in followed], data)]
    if len(followed) < 2 or not here:
        return "", {}
    return here[0], {label: dict(strip(here[0], epochs[here[0]], data)) for label, epochs in followed.items()}


def snapshots(outcome: Outcome) -> list[SnapshotScores]:
    """What the weights of the epochs score that the first fold's training kept."""
    fold = outcome.folds[0]
    file = paths.snapshot_scores_file(fold)
    with opened(outcome.name, outcome.commit) as fetch:
        return snapshot_scores.read(fetch([file]) / file, fold)


def _followed(outcome: Outcome) -> dict[str, Epochs]:
    """By image, of the first fold."""
    file = paths.closer_look_file(outcome.folds[0])
    with opened(outcome.name, outcome.commit) as fetch:
        return dict(closer_look_file.read(fetch([file]) / file, outcome.folds[0]).epochs)


def _shared(followed: Mapping[str, Mapping[str, Epochs]]) -> list[str]:
    """The images that all arms followed, in a fixed order."""
    return sorted(set.intersection(*(set(each) for each in followed.values()))) if followed else []


def _is_here(item: str, part: str, outcomes: Sequence[Outcome], data: Pack) -> bool:
    """Whether the image is of the part, and the same in all of them and in data/prepared."""
    own = "".join(data.sha256.get(item, ()))
    return all(dict(zip(each.parts[part].ids, each.parts[part].content, strict=True)).get(item) == own for each in outcomes)
