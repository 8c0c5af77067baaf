"""Other values for some keys: set by dotted name, in a copy, and refused by name where there is no such key."""

import pytest

from segpipe.errors import PipelineError
from segpipe.params.overrides import leaves, problems_of, with_overrides

CONTENT = {"seed": 1, "loss": {"name": "dice", "mix": {"dice": 0.5}, "weights": [1.0]}, "data": {"class_map": {}}}


def test_leaves_are_single_values_lists_and_empty_maps() -> None:
    assert dict(leaves(CONTENT)) == {
        "seed": 1,
        "loss.name": "dice",
        "loss.mix.dice": 0.5,
        "loss.weights": [1.0],
        "data.class_map": {},
    }


def test_values_are_set_in_a_copy() -> None:
    changed = with_overrides(CONTENT, {"loss.mix.dice": 0.7, "seed": 2})
    assert changed["loss"]["mix"] == {"dice": 0.7} and changed["seed"] == 2
    assert CONTENT["loss"]["mix"] == {"dice": 0.5} and CONTENT["seed"] == 1  # type: ignore[index]


def test_what_is_no_key_is_told_with_what_was_meant() -> None:
    overrides = {"loss.mix": 1, "loss.nmae": "x", "entirely.else": 0}
    assert problems_of(CONTENT, overrides) == [
        "loss.mix: is a section, not a key. Name the keys below it, such as loss.mix.dice.",
        "loss.nmae: no such key of params.yaml; did you mean loss.name?",
        "entirely.else: no such key of params.yaml.",
    ]
    with pytest.raises(PipelineError, match=r"loss\.nmae"):
        with_overrides(CONTENT, overrides)
