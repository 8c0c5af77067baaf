"""Which images belong together: by a table, by their names, or as near-duplicates of one another."""

import json
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

import pandas as pd

from segpipe.errors import PipelineError, plain
from segpipe.params.schema import SplitParams

PATIENCE = 10.0
"""Seconds that a pattern may take over all names together: some patterns would look at one name for years."""
MATCH = """\
import json, re, sys
pattern, ids = json.load(sys.stdin)
print(json.dumps({item: match[1] for item in ids if (match := re.search(pattern, item)) and match[1]}))
"""
"""What a process of its own runs."""


def groups_of(index: pd.DataFrame, split: SplitParams) -> dict[str, str]:
    """The group of each image of index.csv, named by the smallest id in it. An image that belongs to no other is its own group.

    The column `group` (a table's, or the pages of one file) joins images, their names where `split.group` says so, and
    near-duplicates (`twin`) where `split.join_duplicates` is true: a group is all that hangs together by any of them.
    Raises PipelineError where the names show no group.
    """
    ids = sorted(index.index.tolist())
    relations: list[Mapping[str, str]] = [_column(index, "group")]
    if split.group == "name":
        relations.append(matched(split.group_pattern, ids))
    if split.join_duplicates:
        relations.append(_column(index, "twin"))
    return _joined(ids, relations)


def counted_as_one(index: pd.DataFrame, split: SplitParams) -> dict[str, str]:
    """The group of each image that is not alone, as scores count them: what the split keeps together, and near-duplicates
    whatever `split.join_duplicates` says, since two pictures of one thing say hardly more than one of them.
    """
    groups = groups_of(index, split.model_copy(update={"join_duplicates": True}))
    images = sizes(groups)
    return {item: group for item, group in groups.items() if images[group] > 1}


def matched(pattern: str, ids: Sequence[str]) -> dict[str, str]:
    """What the pattern's brackets match in each id; ids that it does not match, or where that is nothing, are left out.

    Raises PipelineError where it is no regular expression with one pair of brackets, matches no id, or takes too long.
    """
    key = f"split.group_pattern: {plain(pattern)!r}"
    try:
        expression = re.compile(pattern)
    # Brackets nested too deep for Python's stack, and repeats too large for its compiler, have errors of their own.
    except (re.error, RecursionError, OverflowError) as error:
        raise PipelineError(f"{key} is no regular expression ({error}). Write one such as ^(.*)_[^_]*$") from None
    if expression.groups != 1:
        raise PipelineError(
            f"{key} has {expression.groups} pairs of brackets. Put one pair around what names the group; "
            "(?:...) only holds together."
        )
    too_slow = f"{key} takes more than {PATIENCE:.0f} s. Write it without a repeat inside a repeat, as (a+)+ is."
    if hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
        with _within(PATIENCE, too_slow):
            found = {item: match[1] for item in ids if (match := expression.search(item)) and match[1]}
    else:
        found = _matched_elsewhere(pattern, ids, too_slow)
    if ids and not found:
        raise PipelineError(
            f"{key} matches no image's name, such as {plain(ids[0])!r}. Write one that does, or none in split.group."
        )
    return found


def sizes(groups: Mapping[str, str]) -> Counter[str]:
    """The number of images of each group."""
    return Counter(groups.values())


def _column(index: pd.DataFrame, name: str) -> dict[str, str]:
    return {item: value for item, value in zip(index.index.tolist(), index[name].tolist(), strict=True) if value}


def _joined(ids: Sequence[str], relations: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Union-find: images that share a name in one of the mappings, over however many others, share a group."""
    parent = {item: item for item in ids}

    def root(item: str) -> str:
        while parent[item] != item:
            # Path halving keeps the trees flat.
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for names in relations:
        first: dict[str, str] = {}
        for item in ids:
            if item in names:
                # The smaller id stays the root: it names the group, in whatever order images are joined.
                one, other = sorted((root(first.setdefault(names[item], item)), root(item)))
                parent[other] = one
    return {item: root(item) for item in ids}


def _matched_elsewhere(pattern: str, ids: Sequence[str], too_slow: str) -> dict[str, str]:
    """The same, by a process that can be ended: without signals (Windows, threads) nothing stops a pattern in this one."""
    command = [sys.executable, "-I", "-c", MATCH]
    try:
        done = subprocess.run(
            command, input=json.dumps([pattern, ids]), capture_output=True, text=True, check=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        raise PipelineError(too_slow) from None
    found: dict[str, str] = json.loads(done.stdout)
    return found


@contextmanager
def _within(seconds: float, problem: str) -> Iterator[None]:
    """Ends what runs inside after some seconds with a PipelineError, by a signal, which the main thread alone gets."""

    def late(number: int, frame: FrameType | None) -> None:
        raise PipelineError(problem)

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
