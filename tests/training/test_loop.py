"""The training loop: the same bytes each time, the best epoch, and what stops it."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from segpipe.dataset.loader import Batch
from segpipe.errors import PipelineError
from segpipe.images.to_tensor import unit_values
from segpipe.losses.table import Losses
from segpipe.reproducibility.seeds import seed_of
from segpipe.training import loop, monitored_score, precision
from tests.training.suite import CPU, batches, model, run, scripted


def weights(run: loop.Run) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in run.model.state_dict().items()}


def test_two_runs_give_the_same_bytes_whatever_was_random_before() -> None:
    first, again = run(), run()
    loop.fit(first)
    torch.manual_seed(12345)
    torch.rand(7)
    loop.fit(again)
    assert weights(first) == weights(again)
    assert first.progress.history == again.progress.history
    assert weights(first) != {name: tensor.numpy().tobytes() for name, tensor in model().state_dict().items()}


@pytest.mark.parametrize("change", [{"seed": 43}, {"fold": 1}])
def test_dropout_follows_from_seed_and_fold(change: dict[str, int]) -> None:
    first, other = run(), run(**change)
    loop.fit(first)
    loop.fit(other)
    assert weights(first) != weights(other)


def test_dropout_differs_between_batches_and_epochs() -> None:
    same = batches(0, 0, (2,)) * 3
    masks: list[bytes] = []
    segmenter = model()
    dropout = next(module for module in segmenter.modules() if isinstance(module, torch.nn.Dropout2d))
    dropout.register_forward_hook(lambda module, given, output: masks.append((output == 0).numpy().tobytes()))
    loop.fit(run(model=segmenter, batches=lambda epoch, first: same, n_batches=3, step=lambda: None))
    assert len(masks) == 6
    assert len(set(masks)) == 6


def test_it_learns() -> None:
    longer = run(epochs=15, batches=lambda epoch, first: batches(0), learning_rate=lambda epoch, history: 0.01)
    loop.fit(longer)
    assert longer.progress.history[-1]["train_loss"] < 0.7 * longer.progress.history[0]["train_loss"]


def test_bf16_trains_too() -> None:
    half = run(autocast=precision.autocast("bf16", CPU))
    loop.fit(half)
    assert math.isfinite(half.progress.history[-1]["train_loss"])
    assert all(tensor.isfinite().all() for tensor in half.model.state_dict().values())


class Poisoned:
    """A loss that is not finite for some images of one batch; all of them before and after are good."""

    def __init__(self, at: int, value: float) -> None:
        self.calls, self.at, self.value = 0, at, value

    def __call__(self, logits: Tensor, target: Tensor) -> Losses:
        losses = logits.square().mean(dim=(1, 2, 3))
        self.calls += 1
        return {"loss": torch.cat([losses[:1], losses[1:] * self.value]) if self.calls == self.at else losses}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_stops_before_the_step_and_names_the_images(value: float) -> None:
    taken: list[dict[str, bytes]] = []
    broken = run(loss=Poisoned(3, value))

    def step() -> None:
        broken.step()
        taken.append(weights(broken))

    with pytest.raises(PipelineError) as caught:
        loop.fit(replace(broken, step=step))
    assert len(taken) == 2
    learned = {name: content for name, content in taken[-1].items() if "running" not in name and "num_batches" not in name}
    assert learned.items() <= weights(broken).items()
    message = str(caught.value)
    assert "epoch 2, batch 1, images image-1-0-1, image-1-0-2. Lower optim.lr" in message
    assert "image-1-0-0" not in message


def test_an_epochs_loss_is_the_mean_of_its_images() -> None:
    def loss(logits: Tensor, target: Tensor) -> Losses:
        return {"loss": target.double().flatten(1).mean(dim=1) + 0 * logits.sum()}

    record, _ = loop.train_epoch(run(loss=loss, batches=lambda epoch, first: batches(epoch, 0, (4, 1))))
    wanted = torch.cat([batch.target for batch in batches(0, 0, (4, 1))]).double().mean().item()
    assert record["train_loss"] == pytest.approx(wanted, rel=1e-12)


def test_each_step_takes_the_gradient_of_the_mean_of_its_batch() -> None:
    given: list[list[Tensor]] = []
    still = run(learning_rate=lambda epoch, history: 0.0)
    taken = replace(still, step=lambda: given.append([weight.grad.clone() for weight in still.model.parameters()]))
    loop.train_epoch(taken)
    alone = run()
    for number, batch in enumerate(batches(0)):
        torch.manual_seed(seed_of(42, 0, 0, number, "dropout"))
        mean = loop.compute_losses(alone, batch)["loss"].mean()
        wanted = torch.autograd.grad(mean, [*alone.model.parameters()])
        assert all(torch.equal(one, two) for one, two in zip(given[number], wanted, strict=True)), "to the last bit"


def test_the_model_gets_values_from_0_to_1_and_the_loss_the_target() -> None:
    seen: list[tuple[Tensor, Tensor]] = []

    class Flat(torch.nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            self.image = image
            return image.requires_grad_()

    flat = Flat()

    def loss(logits: Tensor, target: Tensor) -> Losses:
        seen.append((logits.detach(), target))
        return {"loss": logits.mean(dim=(1, 2, 3))}

    loop.train_epoch(run(loss=loss, step=lambda: None, model=WithWeight(flat)))
    for (image, target), batch in zip(seen, batches(0), strict=True):
        assert torch.equal(image, unit_values(batch.image))
        assert image.max() <= 1
        assert torch.equal(target, batch.target)


class WithWeight(torch.nn.Module):
    """An optimizer must have something to hold."""

    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner, self.weight = inner, torch.nn.Parameter(torch.zeros(1))

    def forward(self, image: Tensor) -> Any:
        return self.inner(image)


def test_the_rate_is_asked_for_at_each_batch_and_set() -> None:
    asked: list[tuple[float, list[float]]] = []
    used: list[float] = []

    def learning_rate(epoch: float, history: Sequence[loop.Record]) -> float:
        asked.append((epoch, [record["val_dice"] for record in history]))
        return 0.001 * len(asked)

    watched = run(learning_rate=learning_rate, validate=scripted("val_dice", [0.5, 0.25]))
    whole = replace(watched, step=lambda: used.append(watched.optimizer.param_groups[0]["lr"]))
    loop.fit(whole)
    # The last of an epoch is asked for once more, for its record.
    assert asked == [(0.0, []), (0.5, []), (0.5, []), (1.0, [0.5]), (1.5, [0.5]), (1.5, [0.5])]
    assert used == [0.001, 0.002, 0.004, 0.005]
    assert [record["lr"] for record in whole.progress.history] == [0.003, 0.006]


@pytest.mark.parametrize(
    ("values", "best"),
    [([0.1, 0.3, 0.2], 1), ([0.3, 0.3, 0.1], 0), ([0.1, 0.2, 0.3], 2), ([math.nan, 0.2, 0.1], 1), ([0.1, math.nan, 0.2], 2)],
)
def test_the_best_epoch_is_the_first_of_the_best_score_with_its_weights(values: list[float], best: int) -> None:
    after: list[dict[str, bytes]] = []
    watched = run(epochs=3, validate=scripted("val_dice", values), hooks=(lambda record, speed, run: after.append(weights(run)),))
    found = loop.fit(watched)
    assert (found.epoch, found.score) == (best, values[best])
    assert {name: tensor.numpy().tobytes() for name, tensor in found.weights.items()} == after[best]
    assert after[0] != after[1] != after[2]


def test_a_monitored_loss_is_better_when_smaller() -> None:
    watched = run(epochs=3, validate=scripted("val_loss", [0.5, 0.2, 0.3]), score=monitored_score.of_whole("loss"))
    assert loop.fit(watched).epoch == 1


def test_all_hooks_are_called_after_the_state_was_kept() -> None:
    called: list[str] = []

    def hook(name: str) -> loop.Hook:
        return lambda record, speed, run: called.append(f"{name}{int(record['epoch'])}")

    def save_state(run: loop.Run) -> None:
        called.append(f"kept {run.progress.epoch}:{run.progress.batch}")

    loop.fit(run(epochs=1, hooks=(hook("a"), hook("b")), save_state=save_state))
    assert called == ["kept 0:1", "kept 0:2", "kept 1:0", "a0", "b0"]


def test_it_stops_when_the_history_says_so() -> None:
    stopped = run(epochs=5, stop=lambda history: len(history) == 2)
    loop.fit(stopped)
    assert len(stopped.progress.history) == 2


def test_history_holds_an_epochs_numbers_and_no_times() -> None:
    done = run(validate=scripted("val_dice", [0.5, 0.25]))
    loop.fit(done)
    assert [tuple(record) for record in done.progress.history] == [
        ("epoch", "lr", "train_loss", "train_loss_dice", "train_loss_cross_entropy", "val_dice")
    ] * 2
    assert [record["epoch"] for record in done.progress.history] == [0, 1]


def test_training_goes_on_in_training_mode_after_validation() -> None:
    modes: list[bool] = []
    segmenter = model()
    segmenter.register_forward_pre_hook(lambda module, given: modes.append(module.training))

    def validate(run: loop.Run, record: loop.Record) -> loop.Record:
        segmenter.eval()
        return {"val_dice": 0.5}

    loop.fit(run(model=segmenter, validate=validate))
    assert modes == [True] * 4


def test_workers_are_asked_for_one_batch_more_so_that_they_end() -> None:
    asked: list[str] = []

    class Source(list[Batch]):
        def __iter__(self) -> Any:
            yield from super().__iter__()
            asked.append("end")

    loop.train_epoch(run(batches=lambda epoch, first: Source(batches(epoch))))
    assert asked == ["end"]


def test_speed_is_images_by_time() -> None:
    _, speed = loop.train_epoch(run())
    assert speed.images_per_s > 0
    assert 0 <= speed.data_wait <= 1


def test_a_monitor_without_a_value_stops_and_says_what_to_do() -> None:
    with pytest.raises(PipelineError, match=r"train\.monitor: the validation part has no dice, since it holds no object"):
        loop.fit(run(validate=lambda run, record: {"val_loss": 1.0}))
