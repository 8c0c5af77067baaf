"""Training samples as arrays: what is drawn follows from seed, fold, epoch and id alone. Knows no torch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segpipe.dataset import augment, crops, rare_classes
from segpipe.dataset.image_cache import ImageCache, Sample
from segpipe.dataset.pack import Pack, pixel_columns
from segpipe.images.resize import shrink_image, shrink_mask
from segpipe.images.value_range import as_values
from segpipe.params.schema import AugmentParams
from segpipe.reproducibility.seeds import seed_of


class AugmentedCrops:
    """Augmented crops of the images `ids` of a pack; `params` has its preset resolved. `cache` keeps what was decoded."""

    def __init__(
        self,
        pack: Pack,
        ids: Sequence[str],
        params: AugmentParams,
        crop: int,
        long_side: int,
        seed: int,
        fold: int,
        cache: ImageCache | None = None,
    ) -> None:
        self.pack = pack
        self.cache = cache or ImageCache({})
        self.params, self.crop = params, crop
        self.augmentation = augment.build(params, crop, pack.info.channels)
        self.long_side, self.seed, self.fold = long_side, seed, fold
        pixels = _pixels(pack, ids)
        self.weights = rare_classes.class_weights(pixels, params.rare_classes, pack.info.has_background)
        self.held = pixels > 0
        self.rows = {item_id: row for row, item_id in enumerate(ids)}

    def draw(self, epoch: int, item_id: str, repeat: int = 0) -> tuple[NDArray[Any], NDArray[np.uint8]]:
        """(crop, crop, C) of uint8 or float32 in [0, 1], and its mask; `repeat` counts the image's draws in one epoch."""
        image, mask = self.cache.sample(item_id, lambda: self._padded(item_id))
        return augment.apply(self.augmentation, image, mask, self.seed_of(epoch, item_id, repeat), *self.classes(item_id))

    def seed_of(self, epoch: int, item_id: str, repeat: int) -> int:
        """What all randomness of a draw follows from."""
        return seed_of(self.seed, self.fold, epoch, item_id, *((repeat,) if repeat else ()))

    def classes(self, item_id: str) -> tuple[list[int], list[float]]:
        """The classes that the image holds, and how often a crop is placed on each."""
        # From index.csv, so that the mask need not be searched for every class.
        classes = np.flatnonzero(self.held[self.rows[item_id]])
        return classes.tolist(), self.weights[classes].tolist()

    def decoded(self, item_id: str) -> Sample:
        """The whole image (H, W, C), uint8 or float32 in [0, 1], and its mask, each bit of them checked."""
        # The size rule comes first, as in prediction: a crop shows things at the size at which the model will see them.
        image = shrink_image(as_values(self.pack.image(item_id)), self.long_side)
        return image, shrink_mask(self.pack.mask(item_id), self.long_side)

    def _padded(self, item_id: str) -> Sample:
        image, mask = self.decoded(item_id)
        return crops.padded(image), mask


def image_weights(pack: Pack, ids: Sequence[str], preference: float) -> rare_classes.Weights | None:
    """How often an epoch should draw each image, or None where each comes once."""
    return rare_classes.image_weights(_pixels(pack, ids), preference, pack.info.has_background) if preference else None


def _pixels(pack: Pack, ids: Sequence[str]) -> rare_classes.Counts:
    return pack.index.loc[list(ids), pixel_columns(pack.info)].to_numpy(np.int64)
