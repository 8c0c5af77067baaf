"""Images of which every pixel is ignored: no loss, no gradient and no weight is another for them."""

import copy
import math
import re
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from segpipe.dataset.loader import Batch
from segpipe.errors import PipelineError
from segpipe.losses.table import LOSSES, Classes, build
from segpipe.models.layers.style import Style
from segpipe.models.segmenter import Segmenter
from segpipe.models.unet import unet
from segpipe.training import loop
from segpipe.training.counted_images import counted_images, sum_over_images
from segpipe.training.monitored_score import latest
from tests.training.suite import PARAMS, batches, run


def plain() -> Segmenter:
    """A U-Net without batch statistics and without dropout: an image does not see its neighbours."""
    torch.manual_seed(0)
    return Segmenter(unet(3, 3, [4, 8], Style("relu", "instance", 0.0, "transposed")), 2, [0.5] * 3, [0.3] * 3)


def ignoring(batch: Batch, *numbers: int) -> Batch:
    target = batch.target.clone()
    target[list(numbers)] = 255
    return replace(batch, target=target)


def without(batch: Batch, number: int) -> Batch:
    kept = [at for at in range(len(batch.ids)) if at != number]
    return Batch(tuple(batch.ids[at] for at in kept), batch.image[kept], batch.target[kept])


def gradients(batch: Batch, loss: str = "dice_ce") -> tuple[list[Tensor], dict[str, float]]:
    """The gradients of the one step of an epoch of one batch, and the epoch's record."""
    segmenter = plain()
    objective = build(PARAMS.loss.model_copy(update={"name": loss, "class_weights": "none"}), Classes(True))
    training = run(model=segmenter, loss=objective, batches=lambda epoch, first: [batch], n_batches=1, step=lambda: None)
    record, _ = loop.train_epoch(training)
    return [weight.grad for weight in segmenter.parameters() if weight.grad is not None], record


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("number", [0, 2])
def test_an_ignored_image_changes_no_gradient_and_no_loss(loss: str, number: int) -> None:
    batch = batches(0)[0]
    found, record = gradients(ignoring(batch, number), loss)
    wanted, other = gradients(without(batch, number), loss)
    assert max(float(each.abs().max()) for each in wanted) > 1e-4
    for one, two in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6)
    assert record == pytest.approx(other, rel=1e-6)


def test_where_all_images_count_the_sum_is_torchs_own() -> None:
    losses = torch.rand(7)
    assert sum_over_images(losses, torch.ones(7, dtype=torch.bool)) == float(losses.double().sum())


def test_sums_by_hand() -> None:
    target = torch.full((4, 2, 2), 255)
    target[0, 1, 1], target[2] = 0, 3
    counted = counted_images(target)
    assert counted.tolist() == [True, False, True, False]
    losses = torch.tensor([1.0, 50.0, 2.5, 70.0])
    assert sum_over_images(losses, counted) == 3.5


def test_a_batch_of_ignored_images_makes_no_step_and_is_in_no_mean() -> None:
    steps: list[int] = []
    first, second = batches(0)
    training = run(batches=lambda epoch, at: [ignoring(first, 0, 1, 2), second])
    record, _ = loop.train_epoch(replace(training, step=lambda: steps.append(training.progress.batch)))
    assert steps == [1]
    other, _ = loop.train_epoch(run(batches=lambda epoch, at: [first, second], step=lambda: None))
    assert record["train_loss"] != other["train_loss"]
    assert (training.progress.batch, training.progress.seen) == (2, 2)


def nothing(run: loop.Run, record: loop.Record) -> loop.Record:
    """What a validation part finds that is ignored wholly."""
    return {}


def test_weights_stay_as_they_are_where_nothing_counts() -> None:
    """No decay of weights either, and no NaN."""
    everything = [ignoring(batch, *range(len(batch.ids))) for batch in batches(0)]
    training = run(model=plain(), batches=lambda epoch, first: everything, validate=nothing, score=latest, epochs=3)
    before = copy.deepcopy(training.model.state_dict())
    best = loop.fit(training)
    assert all(torch.equal(before[name], tensor) for name, tensor in training.model.state_dict().items())
    assert [sorted(record) for record in training.progress.history] == [["epoch", "lr"]] * 3
    assert best.epoch == 2


def test_without_a_validation_number_the_last_epoch_is_kept() -> None:
    training = run(epochs=3, validate=nothing, score=latest)
    best = loop.fit(training)
    assert best.epoch == 2
    assert all(torch.equal(best.weights[name], tensor) for name, tensor in training.model.state_dict().items())


@pytest.mark.parametrize(
    ("name", "value"), [("network.head.bias", math.nan), ("network.encoder.blocks.0.1.running_var", math.inf)]
)
def test_weights_that_are_no_numbers_after_an_epoch_end_the_training(name: str, value: float) -> None:
    """A loss need not show it: what is normalised by an infinite variance is 0, and after the last batch there is no loss."""
    epochs: list[dict[str, float]] = []
    training = run()

    def spoil() -> None:
        if (training.progress.epoch, training.progress.batch) == (1, 1):
            with torch.no_grad():
                training.model.state_dict()[name].view(-1)[0] = value

    def validate(run: loop.Run, record: loop.Record) -> loop.Record:
        epochs.append({"val_dice": 0.5})
        return epochs[-1]

    with pytest.raises(PipelineError, match=rf"not finite after epoch 2 \(in {re.escape(name)}\)\. Lower optim\.lr"):
        loop.fit(replace(training, step=spoil, validate=validate))
    assert len(epochs) == 1
