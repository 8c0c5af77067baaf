"""What our networks cost against independent implementations of the same: time, multiply-adds and memory, as ratios.

Seconds are those of the processor on one thread, so that other work beside it counts little. Ours and theirs take turns, as
often as `--seconds` of a row allow and 3 times at least; a ratio is that of the fastest turns, since other work only ever adds;
beside it stand the median and the range of the turns' own ratios. The first row is a network against itself: so far from 1
is nothing. A training step is forward and backward; forward alone is in evaluation, without gradients. Ours runs in
channels-last memory, as it trains; theirs in that or the usual format, whichever is faster for it. Memory is the most bytes of
tensors held at once (parameters, gradients, maps; neither an optimizer nor a kernel's own buffers), counted storage by storage
while the pass runs over tensors without content: exact, the same on any machine, and also for 8 images of 256 x 256.

Peers: segmentation_models_pytorch is installed, MONAI where it can be imported (pip install --no-deps monai), the others are
clones in a folder: github.com/milesial/Pytorch-UNet, LeeJunHyun/Image_Segmentation, 4uiiurz1/pytorch-nested-unet and
drawcodeboy/SA-UNet-PyTorch. Their code is run: look at it first. A peer that is not there is left out, and said so.

    PYTHONPATH=. python bench/architectures.py [--peers FOLDER] [--only NAME ...] [--seconds 20] [--batch 2] [--size 128]
"""

import argparse
import contextlib
import copy
import importlib
import io
import statistics
import sys
import time
import weakref
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from segpipe.models import table
from segpipe.params.load import load_params

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
OURS = "channels_last"
LEAST_TURNS = 3
LARGER = (8, 256)
"""Images and their size for which memory is counted beside those that are timed: as a training has them."""
CHANNELS, LOGITS = 3, 2
PARAMS = load_params(Path(__file__).parents[1] / "params.yaml").model.model_copy(
    update={"depth": 4, "activation": "relu", "norm": "batch", "dropout": 0.0, "recurrence": 2, "weights": "none"}
)

Networks = dict[str, nn.Module]
Work = Callable[[nn.Module, Tensor], None]


@dataclass(frozen=True)
class Row:
    """One of our networks, what makes the peer's, and how alike they are."""

    name: str
    keys: dict[str, Any]
    peer: str
    theirs: Callable[[Path], nn.Module]
    alike: str


def built(name: str, keys: dict[str, Any]) -> nn.Module:
    """Our network of that name."""
    return table.build(PARAMS.model_copy(update={"name": name} | keys), CHANNELS, LOGITS).network


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
    """Its squares have a fifth of the map's side and its transposed convolutions are 2 x 2; here 7 pixels and 3 x 3, as the
    authors' code and ours. Its last layer gives logits here, not a share.
    """
    file = module(folder, "SA-UNet-PyTorch", "SA_UNet")
    drop = file.dropBlock
    file.dropBlock = lambda features, block_size, keep_prob: drop(features, min(7, *features.shape[2:]), keep_prob)
    network = file.SA_UNet(CHANNELS, 7, 0.82)
    for decoder in (network.d1, network.d2, network.d3):
        given = decoder.transposeConv
        decoder.transposeConv = nn.ConvTranspose2d(given.in_channels, given.out_channels, 3, 2, padding=1, output_padding=1)
    network.convOut, network.sigmoid = nn.Conv2d(16, LOGITS, 1), nn.Identity()
    return network


def of_smp(encoder: str, kind: str = "Unet") -> Callable[[Path], nn.Module]:
    return lambda _: smp.create_model(kind, encoder, encoder_weights=None, in_channels=CHANNELS, classes=LOGITS)


LITE = "tu-efficientnet_lite0"


WIDE = {"width": 64, "upsample": "resize"}
NARROW = {"width": 16, "upsample": "resize"}
SAME = "the same network"
GATES = "their gates look at full size and stand at every skip; ours look at half size, and not at the top skip, as in the paper"
RECURRENT = "as many convolutions; theirs has one set of weights a layer, ours two, as the paper"
WIDER = "theirs enlarges without weights, and so reads wider maps"
ROWS = [
    Row("unet", WIDE, "itself", lambda _: built("unet", WIDE), SAME),
    Row("unet", {"width": 64, "upsample": "transposed"}, "milesial UNet", milesial, SAME),
    Row("unet", WIDE, "LeeJunHyun U_Net", lee("U_Net"), SAME),
    Row(
        "unetpp",
        {"width": (32, 32, 64, 128, 256), "upsample": "transposed", "deep_supervision": "none"},
        "MONAI BasicUNetPlusPlus",
        monai_nested,
        "the same network, and three heads of theirs that nobody reads",
    ),
    Row(
        "unetpp",
        {"width": 32, "upsample": "transposed", "deep_supervision": "none"},
        "4uiiurz1 NestedUNet",
        nested,
        WIDER,
    ),
    Row("attention_unet", WIDE, "LeeJunHyun AttU_Net", lee("AttU_Net"), GATES),
    Row("r2unet", WIDE, "LeeJunHyun R2U_Net", lee("R2U_Net"), RECURRENT),
    Row("attention_r2unet", WIDE, "LeeJunHyun R2AttU_Net", lee("R2AttU_Net"), f"{RECURRENT}; {GATES}"),
    Row(
        "sa_unet",
        {"width": 16, "depth": 3, "upsample": "transposed", "drop_block": 0.18, "drop_block_size": 7},
        "drawcodeboy SA_UNet",
        drawcodeboy,
        "the same network, but theirs does not scale what DropBlock leaves, and its attention has no sigmoid",
    ),
    *(
        Row("resnet_unet", NARROW | {"encoder": encoder}, f"smp Unet({encoder})", of_smp(encoder), WIDER)
        for encoder in ("resnet18", "resnet34", "resnet50")
    ),
    *(
        Row("laplacian_fpn", {"width": 16, "encoder": LITE}, f"smp {kind}({LITE})", of_smp(LITE, kind), "the same encoder")
        for kind in ("Unet", "FPN")
    ),
]


NO_PEER = {
    "pretrained_attention_r2unet": "nobody else builds it; its parts are those of attention_r2unet and resnet_unet",
    "simple_unet": "it is a small unet",
    "smp": "it is the peer itself",
}


@dataclass(frozen=True)
class Ratio:
    """Ours / theirs: of the fastest turns, and of each turn by itself."""

    fastest: float
    turns: list[float]

    @classmethod
    def of(cls, ours: list[float], theirs: list[float]) -> "Ratio":
        return cls(min(ours) / min(theirs), [one / other for one, other in zip(ours, theirs, strict=True)])

    def __str__(self) -> str:
        return f"{self.fastest:.2f} ({statistics.median(self.turns):.2f}, {min(self.turns):.2f} to {max(self.turns):.2f})"


def main() -> None:
    options = arguments()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    image = torch.rand(options.batch, CHANNELS, options.size, options.size)
    print(f"{options.batch} images of {options.size} x {options.size}, one thread, ours / theirs:", flush=True)
    lines, left_out = [], [f"{name} has no row: {reason}" for name, reason in NO_PEER.items()]
    for row in ROWS:
        if options.only and row.name not in options.only:
            continue
        try:
            theirs = row.theirs(options.peers)
        except ImportError as error:
            left_out.append(f"{row.name} against {row.peer} is left out: {error}")
            continue
        print(f"{row.name} against {row.peer}", flush=True)
        lines.append(compare(row, {"ours": built(row.name, row.keys), "theirs": theirs}, image, options.seconds))
    titles = [
        "`model.name`",
        "peer",
        "parameters, M",
        "multiply-adds, G",
        *(WORK if options.seconds else ()),
        "memory of a step; with 8 x 256 x 256",
        "how alike",
    ]
    print("", line(titles), line(["---"] * len(titles)), *lines, "", *left_out, sep="\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", type=Path, default=Path("peers"), help="the folder of the clones")
    parser.add_argument("--only", nargs="+", help="model.name of the rows wanted")
    parser.add_argument("--seconds", type=float, default=20, help="of the processor, a row; 0 measures memory alone")
    parser.add_argument("--batch", type=int, default=2, help="images")
    parser.add_argument("--size", type=int, default=128, help="pixels, a multiple of 32")
    return parser.parse_args()


def compare(row: Row, networks: Networks, image: Tensor, budget: float) -> str:
    """Measures one row, says the details as they come, and returns its line of the table."""
    sizes = {who: sum(each.numel() for each in network.parameters()) / 1e6 for who, network in networks.items()}
    adds = {who: multiply_adds(network, image[:1]) / 1e9 for who, network in networks.items()}
    cells = [f"`{row.name}`", row.peer, *(f"{of['ours']:.2f} / {of['theirs']:.2f}" for of in (sizes, adds))]
    shapes = ((len(image), image.shape[2]), LARGER)
    held = {
        (kind, shape): [peak(networks[who], *shape, work) for who in ("ours", "theirs")]
        for kind, work in WORK.items()
        for shape in shapes
    }
    for (kind, (batch, size)), (ours, theirs) in held.items():
        print(f"  memory of a {kind}, {batch} of {size}: {ours / 1e6:.0f} / {theirs / 1e6:.0f} MB", flush=True)
    times = taken(networks, image, budget) if budget else {}
    for kind in WORK if budget else ():
        at = {format: Ratio.of(times[kind, "ours", format], times[kind, "theirs", format]) for format in FORMATS}
        best = min(FORMATS, key=lambda format: min(times[kind, "theirs", format]))
        ratio = Ratio.of(times[kind, "ours", OURS], times[kind, "theirs", best])
        cells.append(f"{ratio}{per_add(ratio, adds)}")
        print(f"  {kind}: {cells[-1]}, {len(ratio.turns)} turns, theirs in {best}:", end=" ")
        print(f"{min(times[kind, 'theirs', best]):.3f} s; " + "; ".join(f"both {f} {r}" for f, r in at.items()))
    memory = (held["training step", shape] for shape in shapes)
    return line([*cells, ", ".join(f"{ours / theirs:.2f}" for ours, theirs in memory), row.alike])


def per_add(ratio: Ratio, adds: dict[str, float]) -> str:
    """The ratio for each multiply-add, where the networks differ in those by more than a hundredth."""
    more = adds["ours"] / adds["theirs"]
    return f", {ratio.fastest / more:.2f} a multiply-add" if abs(more - 1) > 0.01 else ""


def line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def laid(network: nn.Module, image: Tensor, format: str) -> tuple[nn.Module, Tensor]:
    """Both in that memory format, and the network without gradients."""
    network.zero_grad(set_to_none=True)
    return network.to(memory_format=FORMATS[format]), image.contiguous(memory_format=FORMATS[format])


def step(network: nn.Module, image: Tensor) -> None:
    logits(network.train(), image).square().mean().backward()


@torch.no_grad()
def forward(network: nn.Module, image: Tensor) -> None:
    logits(network.eval(), image)


WORK = {"training step": step, "forward pass": forward}


def logits(network: nn.Module, image: Tensor) -> Tensor:
    """MONAI's nested network gives a list of one."""
    out = network(image)
    return out[-1] if isinstance(out, list) else out


def multiply_adds(network: nn.Module, image: Tensor) -> int:
    """Of the forward pass over that image, in convolutions and products of matrices."""
    with FlopCounterMode(display=False) as counter:
        forward(network, image)
    return counter.get_total_flops() // 2


def taken(networks: Networks, image: Tensor, budget: float) -> dict[tuple[str, str, str], list[float]]:
    """Processor seconds by work, network and format, one a turn. Who is first changes from turn to turn."""
    times = defaultdict(list)
    start, turns = time.process_time(), 0
    while turns < LEAST_TURNS or time.process_time() - start < budget:
        for format in FORMATS:
            given = {who: laid(network, image, format) for who, network in networks.items()}
            for kind, work in WORK.items():
                for who in sorted(networks, reverse=turns % 2 == 1):
                    before = time.process_time()
                    work(*given[who])
                    times[kind, who, format].append(time.process_time() - before)
        turns += 1
    return times


def peak(network: nn.Module, batch: int, size: int, work: Work) -> int:
    """The most bytes held at once, on the device that has shapes and no content."""
    image = torch.empty(batch, CHANNELS, size, size, device="meta")
    given = laid(copy.deepcopy(network).to("meta"), image, OURS)
    held = Held()
    for tensor in (*given[0].parameters(), *given[0].buffers(), given[1]):
        held.count(tensor)
    with held:
        work(*given)
    return held.peak


class Held(TorchDispatchMode):
    """Adds up the storages that operations make, until they are let go."""

    def __init__(self) -> None:
        super().__init__()
        self.live: set[int] = set()
        self.now = self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor):
                self.count(leaf)
        return out

    def count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        # Views have the storage of what they look at.
        if storage._cdata in self.live:
            return
        self.live.add(storage._cdata)
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._let_go, storage._cdata, storage.nbytes())

    def _let_go(self, which: int, size: int) -> None:
        self.live.remove(which)
        self.now -= size


if __name__ == "__main__":
    main()
