"""What our networks cost against independent implementations of the same: time, multiply-adds and memory, as ratios.

Seconds are those of the processor on one thread, so that work beside it counts little; ours and theirs take turns, and each
ratio is the median over rounds, with its range. A training step is forward and backward; forward alone is in evaluation,
without gradients. Ours runs in channels-last memory, as it trains; theirs in that or the usual format, whichever is faster.
Memory is the most that torch holds at once in a training step (parameters, gradients, maps, buffers of kernels; no optimizer).

Peers: segmentation_models_pytorch is installed, MONAI where it can be imported (pip install --no-deps monai), the others are
clones in a folder: github.com/milesial/Pytorch-UNet, LeeJunHyun/Image_Segmentation, 4uiiurz1/pytorch-nested-unet and
drawcodeboy/SA-UNet-PyTorch. Their code is run: look at it first. A peer that is not there is left out, and said so.

    python bench/architectures.py [--peers FOLDER] [--only NAME ...] [--rounds 5] [--batch 2] [--size 128]
"""

import argparse
import contextlib
import importlib
import io
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from segpipe.models import table
from segpipe.params import load

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
OURS = "channels_last"
CHANNELS, LOGITS = 3, 2
PARAMS = load(Path(__file__).parents[1] / "params.yaml").model.model_copy(
    update={"depth": 4, "activation": "relu", "norm": "batch", "dropout": 0.0, "recurrence": 2, "weights": "none"}
)


@dataclass(frozen=True)
class Row:
    """One of our networks, what makes the peer's, and how alike they are."""

    name: str
    keys: dict[str, Any]
    peer: str
    theirs: Callable[[Path], nn.Module]
    alike: str

    def ours(self) -> nn.Module:
        return table.build(PARAMS.model_copy(update={"name": self.name} | self.keys), CHANNELS, LOGITS).network


def module(folder: Path, repository: str, name: str) -> Any:
    """The module of that name in a clone of the repository."""
    if not (folder / repository).is_dir():
        raise ModuleNotFoundError(f"{folder / repository} is not there: clone it, and name its parent in --peers")
    sys.path.insert(0, str(folder / repository))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.pop(0)


def milesial(folder: Path) -> nn.Module:
    return module(folder, "Pytorch-UNet", "unet.unet_model").UNet(CHANNELS, LOGITS)


def lee(name: str) -> Callable[[Path], nn.Module]:
    """A network of that file, less the normalisation and activation that it has behind each resize convolution."""

    def make(folder: Path) -> nn.Module:
        network = getattr(module(folder, "Image_Segmentation", "network"), name)(CHANNELS, LOGITS)
        for child in network.modules():
            if type(child).__name__ == "up_conv":
                child.up = child.up[:2]
        return network

    return make


def monai_nested(_: Path) -> nn.Module:
    nets = importlib.import_module("monai.networks.nets")
    relu = ("RELU", {"inplace": True})
    with contextlib.redirect_stdout(io.StringIO()):
        return nets.BasicUNetPlusPlus(2, CHANNELS, LOGITS, (32, 32, 64, 128, 256, 32), act=relu, norm="batch", bias=False)


def nested(folder: Path) -> nn.Module:
    return module(folder, "pytorch-nested-unet", "archs").NestedUNet(LOGITS, CHANNELS)


def drawcodeboy(folder: Path) -> nn.Module:
    """Its squares have a fifth of the map's side; here 7 pixels, as ours. Its last layer gives two logits, not one share."""
    file = module(folder, "SA-UNet-PyTorch", "SA_UNet")
    drop = file.dropBlock
    file.dropBlock = lambda features, block_size, keep_prob: drop(features, 7, keep_prob)
    network = file.SA_UNet(CHANNELS, 7, 0.82)
    network.convOut, network.sigmoid = nn.Conv2d(16, LOGITS, 1), nn.Identity()
    return network


def of_smp(encoder: str) -> Callable[[Path], nn.Module]:
    return lambda _: smp.Unet(encoder, encoder_weights=None, in_channels=CHANNELS, classes=LOGITS)


WIDE: dict[str, Any] = {"width": 64, "upsample": "resize"}
ALIKE = "the same network"
GATES = "their gates look at full size, at both maps after upsampling; ours at half of it, as the paper"
RECURRENT = "as many convolutions; theirs has one set of weights a layer where the paper, and ours, has two"
ROWS = [
    Row("unet", {"width": 64, "upsample": "transposed"}, "milesial UNet", milesial, ALIKE),
    Row("unet", WIDE, "LeeJunHyun U_Net", lee("U_Net"), "the same network"),
    Row(
        "unetpp",
        {"width": (32, 32, 64, 128, 256), "upsample": "transposed", "deep_supervision": "none"},
        "MONAI BasicUNetPlusPlus",
        monai_nested,
        "the same network, beside three small heads of theirs",
    ),
    Row(
        "unetpp",
        {"width": 32, "upsample": "transposed", "deep_supervision": "none"},
        "4uiiurz1 NestedUNet",
        nested,
        "theirs enlarges bilinearly, without a convolution, and so reads wider maps",
    ),
    Row("attention_unet", WIDE, "LeeJunHyun AttU_Net", lee("AttU_Net"), GATES),
    Row("r2unet", WIDE, "LeeJunHyun R2U_Net", lee("R2U_Net"), RECURRENT),
    Row("attention_r2unet", WIDE, "LeeJunHyun R2AttU_Net", lee("R2AttU_Net"), f"{RECURRENT}; {GATES}"),
    Row(
        "sa_unet",
        {"width": 16, "depth": 3, "upsample": "transposed", "drop_block": 0.18, "drop_block_size": 7},
        "drawcodeboy SA_UNet",
        drawcodeboy,
        "the same network, but theirs does not scale what DropBlock leaves, and has no sigmoid in its attention",
    ),
    *(
        Row(
            "resnet_unet",
            {"width": 16, "encoder": encoder, "upsample": "resize"},
            f"smp Unet({encoder})",
            of_smp(encoder),
            "theirs enlarges without a convolution, and so reads wider maps",
        )
        for encoder in ("resnet18", "resnet34", "resnet50")
    ),
]


@dataclass(frozen=True)
class Ratio:
    """The median of ours / theirs over the rounds, and the range."""

    rounds: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    def __str__(self) -> str:
        return f"{self.median:.2f} ({min(self.rounds):.2f} to {max(self.rounds):.2f})"


def main() -> None:
    options = arguments()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    image = torch.rand(options.batch, CHANNELS, options.size, options.size)
    print(f"{options.batch} images of {options.size} x {options.size}, one thread, {options.rounds} rounds; ours / theirs:", flush=True)
    lines, left_out = [], []
    for row in ROWS:
        if options.only and row.name not in options.only:
            continue
        try:
            theirs = row.theirs(options.peers)
        except ImportError as error:
            left_out.append(f"{row.name} against {row.peer} is left out: {error}")
            continue
        lines.append(compare(row, row.ours(), theirs, image, options.rounds))
    titles = ["`model.name`", "peer", "parameters, M", "multiply-adds, G", "training step", "forward", "memory", "how alike"]
    print("", line(titles), line(["---"] * len(titles)), *lines, "", *left_out, sep="\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", type=Path, default=Path("peers"), help="the folder of the clones")
    parser.add_argument("--only", nargs="+", help="model.name of the rows wanted")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--size", type=int, default=128, help="pixels, a multiple of 32")
    return parser.parse_args()


def compare(row: Row, ours: nn.Module, theirs: nn.Module, image: Tensor, rounds: int) -> str:
    """Measures one row, says the details as they come, and returns its line of the table."""
    print(f"{row.name} against {row.peer}", flush=True)
    networks = {"ours": ours, "theirs": theirs}
    adds = {who: multiply_adds(network, image[:1]) for who, network in networks.items()}
    sizes = {who: sum(each.numel() for each in network.parameters()) for who, network in networks.items()}
    held, times = {}, {}
    for format in FORMATS:
        for who, network in networks.items():
            held[who, format] = step_memory(*laid(network, image, format))
    for _ in range(rounds):
        for format in FORMATS:
            for who, network in networks.items():
                given = laid(network, image, format)
                for kind, work in (("training step", step), ("forward", forward)):
                    times.setdefault((kind, who, format), []).append(seconds(work, *given))
    cells = [f"`{row.name}`", row.peer, *(f"{ours} / {theirs}" for ours, theirs in (millions(sizes), billions(adds)))]
    for kind in ("training step", "forward"):
        best = min(FORMATS, key=lambda format: statistics.median(times[kind, "theirs", format]))  # noqa: B023
        ratio = paired(times[kind, "ours", OURS], times[kind, "theirs", best])
        same = {format: paired(times[kind, "ours", format], times[kind, "theirs", format]) for format in FORMATS}
        per_add = ratio.median * adds["theirs"] / adds["ours"]
        print(f"  {kind}: {ratio}, {per_add:.2f} a multiply-add; theirs in {best}, which takes it", end=" ")
        print(f"{statistics.median(times[kind, 'theirs', best]):.2f} s; both " + ", both ".join(f"{f} {r}" for f, r in same.items()))
        cells.append(str(ratio) + (f", {per_add:.2f} a multiply-add" if abs(adds["ours"] / adds["theirs"] - 1) > 0.01 else ""))
    best = min(FORMATS, key=lambda format: held["theirs", format])
    print("  memory, MB: " + ", ".join(f"{who} in {format} {size / 1e6:.0f}" for (who, format), size in held.items()), flush=True)
    cells.append(f"{held['ours', OURS] / held['theirs', best]:.2f}")
    return line([*cells, row.alike])


def line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def millions(sizes: dict[str, int]) -> tuple[str, str]:
    return f"{sizes['ours'] / 1e6:.2f}", f"{sizes['theirs'] / 1e6:.2f}"


def billions(adds: dict[str, int]) -> tuple[str, str]:
    return f"{adds['ours'] / 1e9:.2f}", f"{adds['theirs'] / 1e9:.2f}"


def paired(ours: list[float], theirs: list[float]) -> Ratio:
    return Ratio([one / other for one, other in zip(ours, theirs, strict=True)])


def laid(network: nn.Module, image: Tensor, format: str) -> tuple[nn.Module, Tensor]:
    """Both in that memory format, and the network without gradients."""
    network.zero_grad(set_to_none=True)
    return network.to(memory_format=FORMATS[format]), image.contiguous(memory_format=FORMATS[format])


def multiply_adds(network: nn.Module, image: Tensor) -> int:
    """Of the forward pass over that image, in convolutions and products of matrices."""
    with FlopCounterMode(display=False) as counter:
        forward(network, image)
    return counter.get_total_flops() // 2


def step(network: nn.Module, image: Tensor) -> None:
    logits(network.train(), image).square().mean().backward()


@torch.no_grad()
def forward(network: nn.Module, image: Tensor) -> None:
    logits(network.eval(), image)


def logits(network: nn.Module, image: Tensor) -> Tensor:
    """MONAI's nested network gives a list of one."""
    out = network(image)
    return out[-1] if isinstance(out, list) else out


def seconds(work: Callable[[nn.Module, Tensor], None], network: nn.Module, image: Tensor) -> float:
    """Of the processor, after a turn that does not count: it lays weights out anew."""
    start = time.process_time()
    work(network, image)
    return time.process_time() - start


def step_memory(network: nn.Module, image: Tensor) -> int:
    """The most bytes held at once in a training step: those of the network and image, and what torch's allocator gave beside."""
    step(network, image)
    network.zero_grad(set_to_none=True)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step(network, image)
    changes = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    changes.sort(key=lambda event: event.start_ns())
    before = sum(each.nbytes for each in (*network.parameters(), *network.buffers(), image))
    return before + max(accumulate(event.nbytes() for event in changes))


if __name__ == "__main__":
    main()
