"""Which images come in which batch of an epoch."""

from collections.abc import Sequence

from segpipe.dataset.loader import EpochBatches
from segpipe.dataset.training_samples import image_weights
from segpipe.params.stage_keys import TrainKeys
from segpipe.reproducibility.seeds import training_seed
from segpipe.workflows.training_data import TrainingData


def epoch_order(params: TrainKeys, data: TrainingData) -> EpochBatches:
    """All training images; the preset of `augment` is resolved."""
    return order_of(params, data, data.train_ids)


def order_of(params: TrainKeys, data: TrainingData, ids: Sequence[str]) -> EpochBatches:
    """These training images, as if there were no others."""
    weights = image_weights(data.pack, ids, params.augment.rare_classes)
    seed = training_seed(params.seed, params.train.seed)
    return EpochBatches(ids, params.train.batch_size, seed, data.fold, weights, params.train.steps_per_epoch)
