"""Small architectures learn two images by heart in the tests, the others in make test-all and at full size in make overfit."""

from pathlib import Path
from typing import Any

import pytest

from segpipe.models.table import MODELS
from segpipe.params import schema
from tests.torture import overfit

QUICK = {"unet", "simple_unet", "sa_unet", "attention_unet"}
NAMES = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in MODELS]
CHANGES: dict[str, Any] = overfit.settings(size=64, batch=2, epochs=200)
CHANGES["model"] |= {"width": 8, "depth": 3}
CHANGES["optim"]["lr"] = 0.01


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("overfit")


@pytest.fixture(scope="module")
def params(folder: Path) -> schema.Params:
    return overfit.sample(folder, CHANGES)


@pytest.mark.parametrize("name", NAMES)
def test_it_learns_a_batch_by_heart(name: str, folder: Path, params: schema.Params) -> None:
    learned = overfit.learn(folder, overfit.named(params, name))
    assert learned.dice >= overfit.WANTED


def test_one_that_does_not_learn_is_told_by_name(folder: Path, params: schema.Params) -> None:
    still = params.model_copy(update={"optim": params.optim.model_copy(update={"lr": 1e-9})})
    short = still.model_copy(update={"train": still.train.model_copy(update={"epochs": 2})})
    lines: list[str] = []
    with pytest.raises(SystemExit, match=r"failed: no Dice of 0\.98 from simple_unet"):
        overfit.table([overfit.learn(folder, overfit.named(short, "simple_unet"))], lines.append)
    assert lines[1].split()[:2] == ["simple_unet", "2"]


def test_a_dice_that_is_no_number_is_not_learned() -> None:
    rows = [overfit.Learned("unet", 1, float("nan"), 0.0), overfit.Learned("sa_unet", 1, 0.99, 0.0)]
    with pytest.raises(SystemExit, match=r"failed: no Dice of 0\.98 from unet$"):
        overfit.table(rows, [].append)
