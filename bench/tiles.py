"""What tiles cost beside the network itself: python -m bench.tiles. The same tiles by the network alone, in turn with it.

Prints for each model the median over rounds of the time of prediction in tiles, divided by that of the network on as many tiles.
"""

import statistics

import numpy as np
import torch

from bench.clock import seconds
from segpipe.inference.predict import predict_logits
from segpipe.models.segmenter import Segmenter, n_logits_for
from segpipe.models.table import build
from segpipe.params.load import load_params
from segpipe.params.schema import InferParams

TILE, SIDE, ROUNDS = 512, 1400, 7
CPU = torch.device("cpu")
MODELS = (("laplacian_fpn", 5), ("laplacian_fpn", 21), ("unet", 2), ("unet", 21))


def main() -> None:
    params = load_params()
    torch.set_num_threads(params.threads)
    infer = InferParams(max_pixels=4096, tile=TILE, overlap=0.25, flips="none", scales=(1.0,))
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    for name, classes in MODELS:
        model = params.model.model_copy(update={"name": name, "weights": "none"})
        built = build(model, 3, n_logits_for(classes))
        segmenter = Segmenter(built.network, built.stride, [0.5] * 3, [0.25] * 3).eval().to(memory_format=torch.channels_last)
        seen = tiles(segmenter, infer, image)
        ratios = [ratio(segmenter, infer, image, seen) for _ in range(ROUNDS)]
        print(f"{name}, {classes} classes, {len(seen)} tiles of {TILE}: {statistics.median(ratios):.3f} times the network alone")


def tiles(segmenter: Segmenter, infer: InferParams, image: np.ndarray) -> list[torch.Tensor]:  # type: ignore[type-arg]
    """What the network is given: the very tiles, since its time depends on what it reads."""
    seen = []

    def watch(tile: torch.Tensor) -> torch.Tensor:
        seen.append(tile.clone(memory_format=torch.preserve_format))
        return segmenter(tile)

    predict_logits(watch, image, infer, 0, CPU)
    return seen


@torch.inference_mode()
def ratio(segmenter: Segmenter, infer: InferParams, image: np.ndarray, seen: list[torch.Tensor]) -> float:  # type: ignore[type-arg]
    """One time after the other, so that a busy machine slows both."""

    def network() -> None:
        for tile in seen:
            segmenter(tile)

    return seconds(lambda: predict_logits(segmenter, image, infer, 0, CPU)) / seconds(network)


if __name__ == "__main__":
    main()
