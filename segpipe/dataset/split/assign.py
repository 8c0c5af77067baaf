"""Who goes where: given lists first, then what is remembered, and the rest assigned in whole groups, balanced by class."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pandas as pd

from segpipe.dataset.split import balance
from segpipe.dataset.split.folds import TEST, TRAIN
from segpipe.dataset.split.groups import groups_of
from segpipe.dataset.split.kept_folds import REST, KeptFolds, hash_of
from segpipe.errors import PipelineError
from segpipe.params.schema import SplitParams
from segpipe.reproducibility.seeds import seed_of


@dataclass(frozen=True)
class Assignment:
    """The part and the group of each image by id, the images that left their remembered part, and what to remember now.

    `shares` are the ideal shares of the parts that were assigned; given lists have none.
    """

    parts: dict[str, str]
    groups: dict[str, str]
    moved: dict[str, str]
    shares: dict[str, Fraction]
    kept: KeptFolds


def keys_of(index: pd.DataFrame, split: SplitParams, seed: int, source: str) -> tuple[str, str]:
    """The settings that the test part follows from, and those of the folds, as text."""
    # kept_folds.csv of every project holds these texts: another wording would assign all images afresh.
    given = set(index["given"].tolist())
    test = "list" if "test" in given else repr(split.test_share)
    alone = f"share {split.val_share!r}" if split.val_share else f"{split.n_folds} folds"
    joined = str(split.join_duplicates).lower()
    return (
        f"seed {seed}, source {source}, test {test}, group {split.group}, join_duplicates {joined}",
        f"validation {'list' if 'val' in given else alone}",
    )


def assign(index: pd.DataFrame, pixels: Sequence[str], split: SplitParams, seed: int, kept: KeptFolds) -> Assignment:
    """Assigns all images of `index` to `test`, folds `0` .. `n - 1`, and `train` (never validated).

    `index` has a row an image with the columns given, group and twin, and the counts of each class named by `pixels`. A
    given test list is the test part; a given validation list is fold 0, the only one; with `split.val_share` fold 0 is
    the only one too. `kept` holds the remembered parts by hash: they stay, but where groups that lay apart became one:
    those go where most of their images are. The same images and the same memory give the same parts, and to assign again
    with the new memory changes nothing. Raises PipelineError where there are too few groups.
    """
    groups = groups_of(index, split)
    given = dict(zip(index.index.tolist(), index["given"].tolist(), strict=True))
    hashes = {item: hash_of(item) for item in groups}
    known = {item: kept.parts[image] for item, image in hashes.items() if image in kept.parts}
    assigner = _Assigner(index, pixels, groups, seed)
    parts = {item: TEST for item in groups if given[item] == "test"}
    validated = [item for item in groups if given[item] == "val"]
    shares: dict[str, Fraction] = {}
    if not parts and split.test_share:
        # By way of its text: 0.2 is to be a fifth, and not the binary fraction next to it.
        shares[TEST] = Fraction(repr(split.test_share))
        parts = dict.fromkeys(
            _test_part(assigner, groups, shares[TEST], {groups[item] for item in validated}, known, split), TEST
        )
    rest = {item: group for item, group in groups.items() if item not in parts}
    if validated:
        parts |= dict.fromkeys(rest, TRAIN) | dict.fromkeys(validated, "0")
    else:
        ideal = _fold_shares(split)
        parts |= _fold_parts(assigner, rest, ideal, known, split)
        # As shares of all images, since a test part that was assigned takes its own first.
        shares |= {part: share * (1 - shares.get(TEST, 0)) for part, share in ideal.items()}
    # What a list says is not remembered: the data itself says it each time.
    assigned = [item for item in groups if given[item] not in ("test", "val")] if shares else []
    moved = {item: known[item] for item in assigned if item in known and not _same(known[item], parts[item])}
    # What is remembered of images that are gone stays: one that comes back comes back into its part.
    here = set(hashes.values())
    memory = {image: part for image, part in kept.parts.items() if image not in here}
    memory |= {hashes[item]: parts[item] for item in assigned}
    return Assignment(dict(sorted(parts.items())), groups, moved, shares, KeptFolds(kept.test_key, kept.fold_key, memory))


def _test_part(
    assigner: "_Assigner",
    groups: Mapping[str, str],
    share: Fraction,
    pinned: set[str],
    known: Mapping[str, str],
    split: SplitParams,
) -> list[str]:
    """The images of the test part. The groups `pinned` stay out: validation lists hold some of their images."""
    fixed = _majority(groups, {item: TEST if part == TEST else REST for item, part in known.items()})
    # What the rest must have: the groups of the validation list and one to train on, or one for each part.
    needed = len(pinned) + 1 if pinned else 2 if split.val_share else split.n_folds
    _enough_left(groups, share, needed, split)
    shares = {TEST: share, REST: 1 - share}
    assigned = assigner.assign(groups, shares, fixed | dict.fromkeys(pinned, REST), {TEST: 0, REST: needed})
    return [item for item, group in groups.items() if assigned[group] == TEST]


def _fold_parts(
    assigner: "_Assigner", rest: Mapping[str, str], ideal: Mapping[str, Fraction], known: Mapping[str, str], split: SplitParams
) -> dict[str, str]:
    """The fold of each image outside the test part, or `train`."""
    _enough_groups(rest, len(assigner.rank), len(ideal), split)
    fixed = _majority(rest, {item: part for item, part in known.items() if part in ideal})
    assigned = assigner.assign(rest, ideal, fixed, dict.fromkeys(ideal, 1))
    return {item: assigned[group] for item, group in rest.items()}


class _Assigner:
    """Assigns groups of images: what each holds of every class, and the order that the seed gives them."""

    def __init__(self, index: pd.DataFrame, pixels: Sequence[str], groups: Mapping[str, str], seed: int) -> None:
        counts = index[list(pixels)].to_numpy(dtype=np.int64)
        self.row = {item: number for number, item in enumerate(index.index.tolist())}
        # (images, 2 x classes + 1): pixels of each class, whether it is there, and the image itself, all balanced alike.
        self.amounts = np.concatenate([counts, counts > 0, np.ones((len(counts), 1))], axis=1, dtype=np.int64, casting="unsafe")
        # Their order decides ties between groups that are alike: by a hash, so that another seed gives another split.
        self.rank = {group: seed_of(seed, "split", group) for group in set(groups.values())}

    def assign(
        self, groups: Mapping[str, str], shares: Mapping[str, Fraction], fixed: Mapping[str, str], least: Mapping[str, int]
    ) -> dict[str, str]:
        """The part of each group of these images."""
        if not groups:
            return {}
        names = list(shares)
        order = sorted(set(groups.values()), key=lambda group: (self.rank[group], group))
        number = {group: place for place, group in enumerate(order)}
        amounts = np.zeros((len(order), self.amounts.shape[1]), np.int64)
        # Not +=, which would count one image alone of those with the same group.
        np.add.at(amounts, [number[group] for group in groups.values()], self.amounts[[self.row[item] for item in groups]])
        held = np.array([names.index(fixed[group]) if group in fixed else -1 for group in order], np.int64)
        # `balance` computes in whole numbers, and so gets the shares as such.
        scale = math.lcm(*(share.denominator for share in shares.values()))
        assigned = balance.assign_groups(
            amounts, [int(share * scale) for share in shares.values()], held, [least[name] for name in names]
        )
        return {group: names[part] for group, part in zip(order, assigned, strict=True)}


def _fold_shares(split: SplitParams) -> dict[str, Fraction]:
    if split.val_share:
        share = Fraction(repr(split.val_share))
        return {"0": share, TRAIN: 1 - share}
    return {str(fold): Fraction(1, split.n_folds) for fold in range(split.n_folds)}


def _same(remembered: str, part: str) -> bool:
    return part != TEST if remembered == REST else part == remembered


def _majority(groups: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    """The part that most remembered images of each group lie in: test in case of a tie, then the first fold."""
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for item, part in known.items():
        if item in groups:
            votes[groups[item]][part] += 1
    # By length first, or fold 10 would come before fold 2.
    return {
        group: min(counts, key=lambda part: (-counts[part], part != TEST, len(part), part)) for group, counts in votes.items()
    }


def _enough_left(groups: Mapping[str, str], share: Fraction, needed: int, split: SplitParams) -> None:
    """Raises PipelineError where the test part would leave fewer groups than the folds need, though there are enough."""
    number = len(set(groups.values()))
    left = number - int(number * share)
    if left < needed <= number:
        # Rounded down to hundredths: rounded up, the share that is suggested would be refused again.
        largest = int(Fraction(number - needed, number) * 100) / 100
        raise PipelineError(
            f"split.test_share: {split.test_share} leaves {left} of {number} {_noun(groups)}, but the rest needs {needed}. "
            f"Write {largest} or less{', or lower split.n_folds' if needed == split.n_folds else ''}."
        )


def _enough_groups(rest: Mapping[str, str], n_groups: int, needed: int, split: SplitParams) -> None:
    """Raises PipelineError where fewer of all `n_groups` groups are outside the test part than there are parts to fill."""
    number = len(set(rest.values()))
    if number >= needed:
        return
    if number == 1 and len(rest) > 1:
        joined = "split.group_pattern" if split.group != "none" else "split.join_duplicates"
        raise PipelineError(
            f"{joined}: all {len(rest)} images outside the test part are one group, so none can be held out. "
            "Let another split.group_pattern or table of data.groups say what belongs together, or set split.join_duplicates "
            "to false."
        )
    if number < 2:
        raise PipelineError(
            f"split.test_share: outside the test part there are {len(rest)} images, and 2 are the fewest "
            "to train and validate on. Add images."
        )
    fits = f"{number} or less"
    if split.test_share and number == n_groups:
        # The folds had them all and still too few; with fewer folds the test part takes its share, one group at least.
        left = number - max(1, int(number * Fraction(repr(split.test_share))))
        fits = f"{left} or less" if left >= 2 else "2, and 0.0 in split.test_share"
    raise PipelineError(
        f"split.n_folds: {needed} folds need as many {_noun(rest)}, but outside the test part there are {number}. "
        f"Write {fits}, or a validation share in split.val_share."
    )


def _noun(groups: Mapping[str, str]) -> str:
    return "groups" if len(set(groups.values())) < len(groups) else "images"
