"""Presets: complete, valid, and what they promise."""

from typing import get_args

import pytest

from segpipe.dataset.presets import NOTHING, PRESETS, resolved
from segpipe.params.load import load_params
from segpipe.params.schema import AugmentParams
from tests.structure.imports import ROOT

OURS = load_params(ROOT / "params.yaml").augment
COLOUR = ("colour", "brightness", "contrast", "gamma", "saturation", "hue", "blur", "noise")


def test_the_names_are_those_of_the_schema() -> None:
    assert {"custom", *PRESETS} == set(get_args(AugmentParams.model_fields["preset"].annotation))


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_sets_every_key_and_within_its_range(name: str) -> None:
    # Which library makes the changes is the user's to say, whatever they are, and so is whether masks follow.
    assert set(PRESETS[name]) == set(AugmentParams.model_fields) - {"preset", "library", "synchronised"}
    values = resolved(OURS.model_copy(update={"preset": name})).model_dump()
    assert values == {"preset": name, "library": OURS.library, "synchronised": True, **PRESETS[name]}
    AugmentParams.model_validate(values)


def test_custom_takes_the_keys_as_they_are() -> None:
    assert resolved(OURS) == OURS


@pytest.mark.parametrize("name", PRESETS)
def test_a_strength_has_its_probability_and_the_other_way_round(name: str) -> None:
    """A value that does nothing would tell a person of a change that never happens."""
    values = PRESETS[name]
    assert bool(values["colour"]) == any(values[key] for key in COLOUR[1:6])
    assert bool(values["affine"]) == any(values[key] != NOTHING[key] for key in ("rotate", "scale_min", "scale_max", "shear"))


def test_presets_are_what_they_are_called() -> None:
    assert not any(PRESETS["medical"][key] for key in COLOUR)
    assert PRESETS["crop"]["object_crop"] > 0 < PRESETS["crop"]["rare_classes"]
    on_objects = {key: PRESETS["crop"][key] for key in ("object_crop", "rare_classes")}
    assert PRESETS["light_crop"] == PRESETS["light"] | on_objects
    assert (PRESETS["multi_scale"]["scale_min"], PRESETS["multi_scale"]["scale_max"]) == (0.5, 2.0)
    assert [key for key, value in PRESETS["plain"].items() if value not in (0.0, 1.0)] == []
