"""How long ONNX Runtime takes beside torch, for the console and MLflow: times are never in a file that DVC tracks."""

import statistics
import time
from collections.abc import Mapping

import torch
from torch import Tensor

from segpipe.dataset.pack import Pack
from segpipe.images.to_tensor import channels_first, unit_values
from segpipe.images.value_range import as_values
from segpipe.inference.predict import Forward

BATCH = 4
ROUNDS = 9
LONGEST_S = 20.0
"""No further round starts after so long: images may be large."""


def speed(forwards: Mapping[str, Forward], data: Pack, name: str, max_pixels: int) -> tuple[dict[str, float], str]:
    """Median times of each function for the image `name`, cut to `max_pixels`, and for a batch of it; by name, and in words.

    They take turns, so that whatever else the machine does slows down all. Once each to warm up, then nine rounds or fewer.
    """
    image = _values(data, name, max_pixels)
    batch = image.expand(BATCH, -1, -1, -1).contiguous(memory_format=torch.channels_last)
    single, rounds = _medians(forwards, image)
    several, _ = _medians(forwards, batch)
    found = {f"export.{each}_ms": 1000 * seconds for each, seconds in single.items()}
    found |= {f"export.{each}_images_per_s": BATCH / seconds for each, seconds in several.items()}
    height, width = image.shape[2:]
    told = [
        f"{each} {1000 * single[each]:.1f} ms, {BATCH / several[each]:.1f} images/s in batches of {BATCH}" for each in forwards
    ]
    threads = torch.get_num_threads()
    return found, (
        f"an image of {width} x {height}: {'; '.join(told)} (median of {rounds}, {threads} thread{'s' if threads > 1 else ''})"
    )


def _medians(forwards: Mapping[str, Forward], image: Tensor) -> tuple[dict[str, float], int]:
    """Seconds of each function, and how many rounds there were."""
    times: dict[str, list[float]] = {each: [] for each in forwards}
    start = time.perf_counter()
    with torch.inference_mode():
        for forward in forwards.values():
            forward(image)
        while len(next(iter(times.values()))) < ROUNDS:
            for each, forward in forwards.items():
                begun = time.perf_counter()
                forward(image)
                times[each].append(time.perf_counter() - begun)
            if time.perf_counter() - start > LONGEST_S:
                break
    return {each: statistics.median(seconds) for each, seconds in times.items()}, len(times[next(iter(times))])


def _values(data: Pack, name: str, max_pixels: int) -> Tensor:
    """(1, C, H, W), of an image larger than the model is given at once its upper left."""
    image = data.image(name)
    width = min(image.shape[1], max_pixels)
    image = image[: max(1, max_pixels // width), :width]
    return unit_values(channels_first(as_values(image)))[None].contiguous(memory_format=torch.channels_last)
