"""An encoder's first weights: what is read, what fits, what is refused, and what the hash is of."""

import hashlib
import math
import os
import urllib.error
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from segpipe.errors import PipelineError
from segpipe.models import pretrained
from segpipe.models.layers.resnet_encoder import ResNetEncoder
from segpipe.models.table import build
from segpipe.params.architectures import ARCHITECTURES
from segpipe.storage.files import sha256_of
from tests.models.suite import SMALL

MOBILENET = Path(__file__).parents[3] / "shared" / "data" / "weights" / "mobilenet_v2_imagenet.safetensors"


def encoder(channels: int = 3) -> nn.Sequential:
    """A small encoder with all kinds of entries: weights, statistics and a count."""
    return nn.Sequential(OrderedDict(conv=nn.Conv2d(channels, 4, 3), norm=nn.BatchNorm2d(4)))


def trained() -> dict[str, Tensor]:
    """Weights for it that no random start would give."""
    generator = torch.Generator().manual_seed(5)
    state = encoder().state_dict()
    return {k: torch.rand(v.shape, generator=generator) if v.is_floating_point() else v + 7 for k, v in state.items()}


def written(path: Path, tensors: dict[str, Tensor]) -> Path:
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path)
    return path


def start(network: nn.Module, weights: Path | str) -> str | None:
    sha256 = hashlib.sha256(Path(weights).read_bytes()).hexdigest() if Path(weights).is_file() else "none"
    return pretrained.start(network, str(weights), sha256, lambda: pytest.fail("nothing was to be downloaded"))


def refused(weights: Path | str, network: nn.Module | None = None) -> str:
    """The message of the error."""
    with pytest.raises(PipelineError) as caught:
        start(network or encoder(), weights)
    return str(caught.value)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth", "w.pt"])
def test_weights_survive_bit_by_bit_and_the_hash_is_the_files(name: str, tmp_path: Path) -> None:
    path, network = written(tmp_path / name, trained()), encoder()
    assert start(network, path) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert {k: v.numpy().tobytes() for k, v in network.state_dict().items()} == {
        k: v.numpy().tobytes() for k, v in trained().items()
    }


def test_a_relative_path_is_taken_from_where_the_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "w.pth", trained())
    monkeypatch.chdir(tmp_path)
    assert start(encoder(), "w.pth")


def test_none_changes_nothing() -> None:
    network = encoder()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert start(network, "none") is None
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize("prefix", ["module.", "encoder.", "model.", "features.", "backbone.", "network.encoder."])
@pytest.mark.parametrize("taken_off", [True, False])
def test_prefixes_may_differ(prefix: str, taken_off: bool, tmp_path: Path) -> None:
    given = {prefix + name: tensor for name, tensor in trained().items()} if taken_off else trained()
    inner = encoder()
    network: nn.Module = inner
    for part in [] if taken_off else reversed(prefix.rstrip(".").split(".")):
        network = nn.ModuleDict({part: network})
    start(network, written(tmp_path / "w.pth", given))
    assert torch.equal(inner.state_dict()["conv.weight"], trained()["conv.weight"])


@pytest.mark.parametrize("head", ["fc.weight", "classifier.1.bias", "head.fc.weight", "last_linear.weight", "module.fc.bias"])
def test_a_classifier_is_left_out(head: str, tmp_path: Path) -> None:
    prefix = "module." if head.startswith("module.") else ""
    given = {prefix + name: tensor for name, tensor in trained().items()} | {head: torch.zeros(1000)}
    network = encoder()
    start(network, written(tmp_path / "w.pth", given))
    assert torch.equal(network.state_dict()["norm.bias"], trained()["norm.bias"])


def test_a_training_checkpoint_holds_them_under_state_dict(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "state_dict": trained()}, tmp_path / "w.pth")
    network = encoder()
    start(network, tmp_path / "w.pth")
    assert torch.equal(network.state_dict()["conv.weight"], trained()["conv.weight"])


@pytest.mark.parametrize(
    ("name", "value"),
    [("conv.weight", math.nan), ("norm.running_var", math.inf), ("norm.bias", -math.inf), ("conv.bias", 1e300)],
)
def test_numbers_that_are_not_finite_are_refused_and_nothing_is_loaded(name: str, value: float, tmp_path: Path) -> None:
    """1e300 is finite in the file, and infinite in an encoder of float32."""
    tensors = trained()
    tensors[name] = tensors[name].double()
    tensors[name].view(-1)[-1] = value
    network = encoder()
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    said = refused(written(tmp_path / "w.safetensors", tensors), network)
    assert said.startswith(f"model.weights: {tmp_path / 'w.safetensors'} holds numbers that are not finite (in {name}), ")
    assert all(torch.equal(before[key], tensor) for key, tensor in network.state_dict().items())


def test_a_download_of_numbers_that_are_not_finite_is_refused() -> None:
    broken = trained() | {"norm.weight": torch.full((4,), math.nan)}
    with pytest.raises(PipelineError, match=r"model\.weights: imagenet holds numbers that are not finite \(in norm\.weight\)"):
        pretrained.start(encoder(), "imagenet", "none", lambda: broken)


def test_a_classifier_that_is_left_out_may_hold_anything(tmp_path: Path) -> None:
    head = {"fc.weight": torch.full((2, 4), math.nan)}
    assert start(encoder(), written(tmp_path / "w.safetensors", trained() | head))


def test_the_count_of_batches_may_be_missing(tmp_path: Path) -> None:
    given = {name: tensor for name, tensor in trained().items() if not name.endswith("num_batches_tracked")}
    network = encoder()
    start(network, written(tmp_path / "w.pth", given))
    assert torch.equal(network.state_dict()["norm.running_var"], trained()["norm.running_var"])


def test_what_does_not_fit_is_listed_and_nothing_is_loaded(tmp_path: Path) -> None:
    given = trained() | {f"layer{number}.weight": torch.zeros(1) for number in range(4)} | {"norm.weight": torch.zeros(8)}
    del given["norm.bias"]
    network = encoder()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    message = refused(written(tmp_path / "w.pth", given), network)
    assert "1 missing (norm.bias); 4 too much (layer0.weight, layer1.weight, layer2.weight, ...)" in message
    assert "1 of another shape (norm.weight 8 for 4)" in message
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conv.bias": None}, ": 1 missing (conv.bias). Name"),
        ({"more": torch.zeros(4)}, ": 1 too much (more). Name"),
        # One number would fill all four without a word.
        ({"norm.bias": torch.zeros(1)}, ": 1 of another shape (norm.bias 1 for 4). Name"),
        ({"conv.weight": torch.zeros(4, 2, 3, 3)}, ": 1 of another shape (conv.weight 4x2x3x3 for 4x3x3x3). Name"),
    ],
)
def test_one_difference_is_enough_to_refuse(change: dict[str, Tensor | None], message: str, tmp_path: Path) -> None:
    given = {name: tensor for name, tensor in (trained() | change).items() if tensor is not None}
    assert message in refused(written(tmp_path / "w.pth", given))


@pytest.mark.parametrize("channels", [1, 3, 6])
def test_the_first_convolution_answers_gray_as_before(channels: int, tmp_path: Path) -> None:
    path, network, original = written(tmp_path / "w.pth", trained()), encoder(channels), encoder()
    start(original, path)
    start(network, path)
    gray = torch.rand(2, 1, 8, 8)
    with torch.no_grad():
        wanted, found = original[0](gray.expand(-1, 3, -1, -1)), network[0](gray.expand(-1, channels, -1, -1))
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


def test_one_channel_sums_and_many_repeat_in_turn() -> None:
    weight = torch.tensor([1.0, 2.0, 4.0]).view(1, 3, 1, 1)
    assert pretrained.adapt(weight, torch.Size([1, 1, 1, 1])).flatten().tolist() == [7.0]
    assert pretrained.adapt(weight, torch.Size([1, 6, 1, 1])).flatten().tolist() == [0.5, 1.0, 2.0, 0.5, 1.0, 2.0]
    found = pretrained.adapt(weight, torch.Size([1, 4, 1, 1])).flatten().tolist()
    assert found == [0.75, 1.5, 3.0, 0.75]
    assert pretrained.adapt(weight, torch.Size([1, 3, 1, 1])) is weight


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "no such file. Name a file that is there, imagenet or none" in refused(tmp_path / "w.pth")


@pytest.mark.parametrize("name", ["imagnet", "weights.onnx", "folder"])
def test_what_is_no_file_of_weights(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert "is none of .safetensors, .pth and .pt" in refused(tmp_path / name)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x80\x04}\x94.", b"PK\x03\x04 not a zip", bytes(100)])
def test_a_file_of_something_else(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert "cannot be read (" in (message := refused(tmp_path / name)) or "holds no tensors" in message


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_a_truncated_file(name: str, tmp_path: Path) -> None:
    path = written(tmp_path / name, trained())
    path.write_bytes(path.read_bytes()[:-200])
    assert "cannot be read (" in refused(path)


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, {"state_dict": {"a": "b"}}])
def test_a_file_without_tensors(content: dict[str, Any], tmp_path: Path) -> None:
    torch.save(content, tmp_path / "w.pth")
    assert "holds no tensors by name" in refused(tmp_path / "w.pth")


def test_a_list_of_tensors(tmp_path: Path) -> None:
    torch.save([torch.zeros(1)], tmp_path / "w.pth")
    assert "cannot be read (" in refused(tmp_path / "w.pth")


class Trap:
    """What a pickle could do to whoever reads it."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.mark,)


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    torch.save({"state_dict": trained(), "trap": Trap(str(tmp_path / "sprung"))}, tmp_path / "w.pth")
    assert "cannot be read (" in refused(tmp_path / "w.pth")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", [name for name, record in ARCHITECTURES.items() if record.encoders])
def test_imagenet_is_torchvisions_own_download(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = ResNetEncoder("resnet18", 3).state_dict()
    (tmp_path / "hub/checkpoints").mkdir(parents=True)
    torch.save(source | {"fc.weight": torch.ones(1000, 512)}, tmp_path / "hub/checkpoints/resnet18-f37072fd.pth")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", lambda *args: pytest.fail("it is there already"))
    built = build(SMALL[name].model_copy(update={"weights": "imagenet"}), 3, 1)
    own = built.network.get_submodule("encoder").state_dict()
    assert all(torch.equal(own[name], tensor) for name, tensor in source.items())
    assert built.weights_sha256 == pretrained.sha256_of_tensors(source | {"fc.weight": torch.ones(1000, 512)})


def test_imagenet_without_the_internet_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: Any, **kwargs: Any) -> Any:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", offline)
    with pytest.raises(PipelineError, match=r"imagenet could not be downloaded \(.*no route.*needs the internet.*local file"):
        build(SMALL["resnet_unet"].model_copy(update={"weights": "imagenet"}), 3, 1)


def test_hash_of_tensors_is_of_their_bytes_in_the_order_of_their_names() -> None:
    one, two = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor(5)
    wanted = hashlib.sha256(one.numpy().tobytes() + two.numpy().tobytes()).hexdigest()
    assert pretrained.sha256_of_tensors({"b": two, "a": one}) == wanted
    assert pretrained.sha256_of_tensors({"a": one.T.contiguous().T, "b": two}) == wanted
    assert pretrained.sha256_of_tensors({"a": torch.ones(1, dtype=torch.bfloat16)}) == hashlib.sha256(b"\x80\x3f").hexdigest()


@pytest.mark.skipif(not MOBILENET.exists(), reason=f"{MOBILENET} is not here")
@pytest.mark.parametrize("architecture", ["Unet", "DeepLabV3Plus"])
def test_a_real_encoder_from_a_local_file(architecture: str) -> None:
    params = SMALL["smp"].model_copy(
        update={"architecture": architecture, "weights": str(MOBILENET), "weights_sha256": sha256_of(MOBILENET)}
    )
    built = build(params, 3, 1)
    own = built.network.get_submodule("encoder").state_dict()
    given, _ = pretrained.read(MOBILENET, sha256_of(MOBILENET))
    assert own.keys() == given.keys()
    assert all(torch.equal(own[name], tensor) for name, tensor in given.items())
    assert built.weights_sha256 == hashlib.sha256(MOBILENET.read_bytes()).hexdigest()
    with pytest.raises(PipelineError, match=r"does not fit this encoder: 100 missing \(conv1.weight"):
        build(params.model_copy(update={"encoder": "resnet18"}), 3, 1)


def test_a_file_needs_its_hash_and_the_sentence_tells_it(tmp_path: Path) -> None:
    path = written(tmp_path / "w.pth", trained())
    with pytest.raises(
        PipelineError, match=f"model.weights_sha256: none, but model.weights names .*Write {sha256_of(path)} there"
    ):
        pretrained.start(encoder(), str(path), "none", dict)


def test_a_file_of_another_hash_is_not_even_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "w.pth", trained())
    monkeypatch.setattr(torch, "load", lambda *given, **options: pytest.fail("it was opened"))
    with pytest.raises(PipelineError, match=f"has the SHA-256 {sha256_of(path)}, not {'0' * 64}"):
        pretrained.start(encoder(), str(path), "0" * 64, dict)


def test_a_download_may_have_a_hash_too() -> None:
    found = pretrained.start(encoder(), "imagenet", "none", trained)
    assert found
    assert pretrained.start(encoder(), "imagenet", found, trained) == found
    with pytest.raises(PipelineError, match="imagenet has the SHA-256"):
        pretrained.start(encoder(), "imagenet", "0" * 64, trained)


@pytest.mark.parametrize(
    ("name", "weights", "normalise", "channels", "wanted"),
    [
        ("resnet_unet", "imagenet", "imagenet", 3, ""),
        ("resnet_unet", "imagenet", "dataset", 3, "is dataset, but the encoder's weights were trained on imagenet"),
        ("resnet_unet", "imagenet", "centred", 3, "is centred, but the encoder's weights were trained on imagenet"),
        ("resnet_unet", "imagenet", "dataset", 1, ""),
        ("resnet_unet", "none", "dataset", 3, ""),
        ("unet", "imagenet", "dataset", 3, ""),
        ("smp", "imagenet", "centred", 3, ""),
        ("smp", "bundled", "centred", 3, ""),
        ("smp", "bundled", "imagenet", 3, "is imagenet, but the encoder's weights were trained on centred"),
        ("smp", "w.pth", "none", 3, "is none, but the encoder's weights were most likely trained on imagenet or centred"),
        ("resnet_unet", "w.pth", "centred", 3, ""),
    ],
)
def test_advice_on_the_input(name: str, weights: str, normalise: str, channels: int, wanted: str) -> None:
    found = pretrained.about_input(SMALL[name].model_copy(update={"weights": weights}), normalise, channels)
    assert found == (f"advice: input.normalise {wanted}" if wanted else "")
