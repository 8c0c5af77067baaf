"""Averaged weights: what is scored and kept is the average, and what learns does not notice."""

import copy
import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor

from segpipe.training import loop, resume
from tests.training.test_resume import CutError, bytes_of, cut_after, ended
from tests.training.ways import averaged
from tests.training.ways.suite import model, run, scored

DECAY = 0.75


def training(**changes: object) -> loop.Run:
    return averaged.prepare(run(**changes), DECAY)


def test_the_weights_are_the_moving_average_of_the_steps_by_the_models_own_names() -> None:
    steps: list[dict[str, Tensor]] = []
    plain = run()

    def step(losses: Tensor, counted: Tensor) -> None:
        plain.step(losses, counted)
        steps.append(copy.deepcopy(plain.model.state_dict()))

    trained = averaged.prepare(dataclasses.replace(plain, step=step), DECAY)
    loop.fit(trained)
    wanted = steps[0]
    for after in steps[1:]:
        wanted = {name: DECAY * mean + (1 - DECAY) * after[name] for name, mean in wanted.items()}
    assert len(steps) == 4
    assert [*trained.weights()] == [*model().state_dict()]
    torch.testing.assert_close(dict(trained.weights()), wanted)


def test_the_average_is_scored_and_kept_and_changes_nothing_of_what_learns() -> None:
    trained, plain, now = training(epochs=3), run(epochs=3), []
    hook = {"hooks": (lambda record, speed, run: now.append(bytes_of(run.weights())),)}
    best = loop.fit(dataclasses.replace(trained, **hook))  # type: ignore[arg-type]
    loop.fit(plain)
    assert bytes_of(best.weights) == now[best.epoch]
    assert bytes_of(trained.model.network.state_dict()) == bytes_of(plain.model.state_dict())
    own = model()
    own.load_state_dict(best.weights)
    assert scored(own)()["val_dice"] == best.score == trained.progress.history[best.epoch]["val_dice"]
    assert [each["val_dice"] for each in trained.progress.history] != [each["val_dice"] for each in plain.progress.history]


def test_a_batch_without_a_step_leaves_the_average() -> None:
    trained = training()
    before = bytes_of(trained.weights())
    trained.step(torch.zeros(2, requires_grad=True), torch.tensor([False, False]))
    assert bytes_of(trained.weights()) == before


@pytest.mark.parametrize("calls", range(1, 7))
def test_cut_off_anywhere_it_ends_in_the_same_bytes(calls: int, tmp_path: Path) -> None:
    states = resume.SavedStates(tmp_path, 0.0)
    cut = training(save_state=cut_after(calls, states.saver(None)))
    with pytest.raises(CutError):
        loop.fit(cut)
    again = training()
    assert states.restore(again, None)
    assert ended(again) == ended(training())
