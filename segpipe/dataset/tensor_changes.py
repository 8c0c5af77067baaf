"""The changes of `transforms` by torch and torchvision, on whatever device the tensors lie; NumPy draws their numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as V

from segpipe.params.schema import AugmentParams
from segpipe.record import IGNORE

RGB = 3
CELLS = 5
"""Of `grid_distortion`, on each axis."""
BENT = 0.3
"""How much wider or narrower a cell of it becomes, at most."""

Hole = tuple[int, int, int, int]
"""Its top, left, height and width in pixels."""


@dataclass(frozen=True)
class Changes:
    """What happens to one crop, in this order; None where it does not happen.

    `quarters` of a turn; `across` and `down` say whether it is flipped; `elastic` (crop, crop, 2) are shifts in pixels (x, y);
    `cells` (2, CELLS) the widths of the grid's cells on x and y, as shares; `contrast` is a factor and what is added; `gamma` an
    exponent; `saturation` a factor; `hue` a part of the circle; `blur` the kernel's side and its deviation in pixels; `noise`
    (C, crop, crop) is what is added.
    """

    quarters: int = 0
    across: bool = False
    down: bool = False
    elastic: Tensor | None = None
    cells: NDArray[np.float64] | None = None
    contrast: tuple[float, float] | None = None
    gamma: float | None = None
    saturation: float | None = None
    hue: float | None = None
    blur: tuple[int, float] | None = None
    noise: Tensor | None = None
    holes: tuple[Hole, ...] = ()


def draw(params: AugmentParams, crop: int, channels: int, rng: Generator) -> Changes:
    """What `params` (a preset resolved) ask for, drawn for one crop of `crop` pixels and so many channels."""
    # Each is drawn whether it happens or not, so that a changed probability leaves the others as they were.
    streams = iter(rng.spawn(11))

    def happens(probability: float) -> Generator | None:
        stream = next(streams)
        return stream if stream.random() < probability else None

    turn, across, down = happens(params.rotate90), happens(params.flip_horizontal), happens(params.flip_vertical)
    elastic, cells, contrast = happens(params.elastic), happens(params.grid_distortion), happens(params.colour)
    gamma, colours, blur = happens(params.colour), happens(params.colour * (channels == RGB)), happens(params.blur)
    noise, holes = happens(params.noise), happens(params.erase)
    return Changes(
        quarters=int(turn.integers(4)) if turn else 0,
        across=across is not None,
        down=down is not None,
        elastic=_shifts(crop, elastic) if elastic else None,
        cells=1 + cells.uniform(-BENT, BENT, (2, CELLS)) if cells else None,
        contrast=_contrast(params, contrast) if contrast and params.brightness + params.contrast else None,
        gamma=gamma.uniform(1 / (1 + params.gamma), 1 + params.gamma) if gamma and params.gamma else None,
        saturation=1 + colours.uniform(-1, 1) * params.saturation if colours and params.saturation else None,
        hue=colours.uniform(-1, 1) * params.hue if colours and params.hue else None,
        blur=(int(blur.choice([3, 5])), blur.uniform(0.5, 3.0)) if blur else None,
        noise=_noise(crop, channels, noise) if noise else None,
        holes=tuple(_hole(crop, holes) for _ in range(holes.integers(1, 4, endpoint=True))) if holes else (),
    )


def apply(changes: Changes, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The changed crop (C, H, H), float32 in [0, 1], and its mask (H, H), uint8; what was given stays as it is."""
    image, mask = image.rot90(changes.quarters, (1, 2)), mask.rot90(changes.quarters)
    if changes.across:
        image, mask = image.flip(2), mask.flip(1)
    if changes.down:
        image, mask = image.flip(1), mask.flip(0)
    if changes.elastic is not None:
        shifts = changes.elastic.to(image.device)
        rows, columns = _places(image)
        image, mask = looked_up(image, mask, columns + shifts[..., 0], rows + shifts[..., 1], mirrored=True)
    if changes.cells is not None:
        across, down = (_bent(shares, image) for shares in changes.cells)
        rows, columns = torch.meshgrid(down, across, indexing="ij")
        image, mask = looked_up(image, mask, columns, rows, mirrored=True)
    return _erased(_coloured(image, changes), mask, changes.holes)


def looked_up(image: Tensor, mask: Tensor, x: Tensor, y: Tensor, mirrored: bool) -> tuple[Tensor, Tensor]:
    """Image (C, H, W), float32, and mask (H, W), uint8, at the places `x` and `y`, (h, w), in pixels from the first one's centre.

    The image by linear interpolation, the mask by the nearest pixel. Outside lies the image mirrored, or black that is ignored.
    """
    sizes = (mask.shape[1], mask.shape[0])
    # grid_sample counts from -1 to 1: between the outer pixels' centres, about which it mirrors, or between their edges, which
    # works for an image of one pixel too.
    x, y = (2 * at / (size - 1) - 1 if mirrored else (2 * at + 1) / size - 1 for at, size in zip((x, y), sizes, strict=True))
    outside, grid = "reflection" if mirrored else "zeros", torch.stack([x, y], dim=-1)[None]
    # Ids counted from IGNORE down, so that the zeros outside are ignored.
    ids = F.grid_sample((IGNORE - mask)[None, None].float(), grid, "nearest", outside, mirrored)[0, 0]
    return F.grid_sample(image[None], grid, "bilinear", outside, mirrored)[0], IGNORE - ids.to(torch.uint8)


def _coloured(image: Tensor, changes: Changes) -> Tensor:
    if changes.contrast is not None:
        factor, added = changes.contrast
        image = (image * factor + added).clamp(0, 1)
    if changes.gamma is not None:
        image = image**changes.gamma
    if changes.saturation is not None:
        image = V.adjust_saturation(image, changes.saturation)
    if changes.hue is not None:
        image = V.adjust_hue(image, changes.hue)
    if changes.blur is not None:
        side, deviation = changes.blur
        image = V.gaussian_blur(image, [side, side], [deviation, deviation])
    if changes.noise is not None:
        image = (image + changes.noise.to(image.device)).clamp(0, 1)
    return image


def _erased(image: Tensor, mask: Tensor, holes: Sequence[Hole]) -> tuple[Tensor, Tensor]:
    """Black and ignored in the holes, as in `transforms`."""
    if holes:
        image, mask = image.clone(), mask.clone()
    for top, left, height, width in holes:
        image[:, top : top + height, left : left + width] = 0
        mask[top : top + height, left : left + width] = IGNORE
    return image, mask


def _contrast(params: AugmentParams, rng: Generator) -> tuple[float, float]:
    factor, added = rng.uniform(-1, 1, 2)
    return 1 + factor * params.contrast, added * params.brightness


def _shifts(crop: int, rng: Generator) -> Tensor:
    """(crop, crop, 2): of about a hundredth of the crop, smooth over a sixteenth of it, as in `transforms`."""
    sigma = crop / 16
    # By OpenCV: torchvision's blur is not separable, and slow for so wide a one.
    smooth = cv2.GaussianBlur(rng.uniform(-1, 1, (crop, crop, 2)).astype(np.float32), (0, 0), sigma)
    # What a Gaussian leaves of white noise in -1 .. 1 has a deviation of 0.163 / sigma.
    return torch.from_numpy(smooth * np.float32(crop / 100 * sigma / 0.163))


def _noise(crop: int, channels: int, rng: Generator) -> Tensor:
    return torch.from_numpy(rng.uniform(0.01, 0.05) * rng.standard_normal((channels, crop, crop), np.float32))


def _hole(crop: int, rng: Generator) -> Hole:
    height, width = (max(1, round(crop * share)) for share in rng.uniform(0.1, 0.25, 2))
    return int(rng.integers(crop - height, endpoint=True)), int(rng.integers(crop - width, endpoint=True)), height, width


def _places(image: Tensor) -> tuple[Tensor, Tensor]:
    """(H, 1) rows and (1, W) columns."""
    height, width = image.shape[1:]
    rows = torch.arange(height, device=image.device, dtype=torch.float32)
    columns = torch.arange(width, device=image.device, dtype=torch.float32)
    return rows[:, None], columns[None]


def _bent(shares: NDArray[np.float64], image: Tensor) -> Tensor:
    """(H,) From where on an axis each pixel comes, where cells of the same width come from cells of these shares."""
    side = image.shape[1]
    edges = np.concatenate([[0.0], np.cumsum(shares)]) / shares.sum() * (side - 1)
    places = np.interp(np.arange(side), np.linspace(0, side - 1, len(edges)), edges)
    return torch.from_numpy(places.astype(np.float32)).to(image.device)
