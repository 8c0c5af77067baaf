"""What each architecture of model.name is, known without torch: its title, its stride, the keys of `model` that it reads.

A network brings its own stride and is built by its own file; tests hold each record to the network. So no training reads
a record, and no file that training imports imports this one: a new record trains nothing again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

U_NET = frozenset({"width", "depth", "activation", "norm", "dropout", "upsample"})
ENCODER = frozenset({"encoder", "weights", "weights_sha256"})
RESNETS = ("resnet18", "resnet34", "resnet50")
PHOTO_INPUTS = ("imagenet", "centred")
"""What nearly all weights were trained with; which of them does not stand in a file, nor in another library's encoder."""
BUNDLED = ("tu-efficientnet_lite0", "tu-efficientnet_lite1", "tu-efficientnet_lite2")
BUNDLED_INPUTS = ("centred",)
"""What the bundled weights were trained with: TensorFlow's -1 .. 1."""


@dataclass(frozen=True)
class Architecture:
    """What is known of one architecture before it is built."""

    title: str
    """Its name in the literature; empty where `model.architecture` names it."""
    reads: frozenset[str] = U_NET
    """The keys of the section `model`, beside `name`, that change its network or what its encoder starts from."""
    stride: int | None = None
    """The sides of images must be a multiple of it; None is 2 to the power of `model.depth`."""
    strides: Mapping[str, int] = field(default_factory=dict)
    """Those values of `model.architecture` that have another stride, with theirs."""
    patched: frozenset[str] = frozenset()
    """Those values of `model.architecture` whose encoder cuts the image into patches, of which the sides are multiples too."""
    levels: int | None = None
    """How many numbers a list in `model.width` has; None is one more than `model.depth`."""
    least_depth: int = 1
    """The smallest `model.depth` that it can have."""
    encoders: tuple[str, ...] = ()
    """The values of `model.encoder` that it takes; all names that its library knows where there are none."""
    trained_inputs: tuple[str, ...] = ()
    """The values of `input.normalise` that its encoder's ImageNet weights may have been trained with."""
    bundled: tuple[str, ...] = ()
    """The values of `model.encoder` whose weights are a Python package, which `model.weights: bundled` takes."""
    has_attention: bool = False
    """Whether it has gates, whose maps can be shown."""
    prunable: bool = False
    """Whether it holds, trained with deep supervision, the network of each smaller depth."""


ARCHITECTURES = {
    "unet": Architecture("U-Net"),
    "unetpp": Architecture("U-Net++", U_NET | {"deep_supervision"}, prunable=True),
    # The gates stand at all skips but the one at full size.
    "attention_unet": Architecture("Attention U-Net", least_depth=2, has_attention=True),
    "r2unet": Architecture("R2U-Net", U_NET | {"recurrence"}),
    "attention_r2unet": Architecture("Attention R2U-Net", U_NET | {"recurrence"}, has_attention=True),
    "pretrained_attention_r2unet": Architecture(
        "Attention R2U-Net with a ResNet or EfficientNet encoder",
        (U_NET - {"depth"}) | ENCODER | {"recurrence"},
        stride=32,
        levels=5,
        encoders=RESNETS + BUNDLED,
        trained_inputs=("imagenet",),
        bundled=BUNDLED,
        has_attention=True,
    ),
    "laplacian_fpn": Architecture(
        "Laplacian FPN",
        (U_NET - {"depth", "upsample"}) | ENCODER,
        stride=32,
        levels=3,
        encoders=RESNETS + BUNDLED,
        trained_inputs=("imagenet",),
        bundled=BUNDLED,
    ),
    "sa_unet": Architecture("SA-UNet", (U_NET - {"dropout"}) | {"drop_block", "drop_block_size"}, has_attention=True),
    "resnet_unet": Architecture(
        "ResNet U-Net",
        (U_NET - {"depth", "dropout"}) | ENCODER,
        stride=32,
        levels=5,
        encoders=RESNETS,
        trained_inputs=("imagenet",),
    ),
    "simple_unet": Architecture("Simple U-Net", frozenset(), stride=8),
    "smp": Architecture(
        "",
        ENCODER | {"architecture"},
        stride=32,
        strides={"PAN": 128},
        patched=frozenset({"DPT"}),
        trained_inputs=PHOTO_INPUTS,
        bundled=BUNDLED,
    ),
}
"""Each by its name, which is also that of its file in `segpipe/models`."""


def patch_of(encoder: str) -> int:
    """The side in pixels of the patches of a vision transformer, by timm's name for it; 1 where the name does not say."""
    found = re.search(r"_patch(\d+)", encoder)
    return int(found[1]) if found else 1
