"""A U-Net++ cut down: exactly the smaller one that the whole holds, in a file like any other."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from segpipe import export
from segpipe.errors import PipelineError
from segpipe.inference import onnx_session
from segpipe.models import model_file
from segpipe.models.model_file import Card
from segpipe.models.pruning import pruned
from segpipe.models.segmenter import Segmenter
from tests.inference.cards import PARAMS, small
from tests.models.suite import images

Width = int | tuple[int, ...]


def trained(mode: str = "last", width: Width = (4, 6, 8, 10), n_classes: int = 3, **changes: object) -> tuple[Segmenter, Card]:
    """A U-Net++ of depth 3 whose normalisation has statistics of its own, as after a training."""
    keys = {"name": "unetpp", "width": width, "depth": 3, "deep_supervision": mode, "dropout": 0.3} | changes
    _, plain = small(n_classes)
    card = Card(**plain.__dict__ | {"model": PARAMS.model.model_copy(update=keys)})
    torch.manual_seed(0)
    segmenter = model_file.empty(card)
    segmenter.mean.fill_(0.4)
    segmenter.deviation.fill_(0.2)
    with torch.no_grad():
        segmenter(images(4, 3, 32, 32))
    return segmenter.eval(), card


def branch(segmenter: Segmenter, depth: int, size: tuple[int, int]) -> torch.Tensor:
    """What head `depth` of the whole network says of two images."""
    network = segmenter.network
    values = F.pad((images(2, 3, *size) - 0.4) / 0.2, (0, -size[1] % 8, 0, -size[0] % 8))
    return network.heads[str(depth)](network.top_row(values)[depth])[..., : size[0], : size[1]]  # type: ignore


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("mode", ["last", "mean"])
@pytest.mark.parametrize("size", [(16, 24), (33, 47), (1, 1)])
def test_the_pruned_network_says_what_its_head_says_in_the_whole(depth: int, mode: str, size: tuple[int, int]) -> None:
    segmenter, card = trained(mode)
    part, _ = pruned(segmenter, card, depth)
    # Around the same padding, which is that of the whole network.
    same = Segmenter(part.network, 8, [0.4] * 3, [0.2] * 3).eval()
    with torch.no_grad():
        assert torch.equal(same(images(2, 3, *size)), branch(segmenter, depth, size))


@pytest.mark.parametrize("depth", [1, 2])
def test_it_pads_less_and_so_differs_at_the_padded_ends_only(depth: int) -> None:
    segmenter, card = trained()
    part, _ = pruned(segmenter, card, depth)
    assert part.stride == 2**depth
    with torch.no_grad():
        found, wanted = part(images(2, 3, 65, 129)), branch(segmenter, depth, (65, 129))
        assert not torch.equal(found, wanted)
        torch.testing.assert_close(found[..., :32, :96], wanted[..., :32, :96], rtol=0, atol=1e-6)
        assert torch.equal(part(images(2, 3, 16, 24)), branch(segmenter, depth, (16, 24)))


@pytest.mark.parametrize(("width", "kept"), [(4, 4), ((4, 6, 8, 10), (4, 6, 8))])
def test_the_card_describes_the_smaller_one_and_remembers_the_whole(width: Width, kept: Width) -> None:
    segmenter, card = trained("mean", width)
    _, smaller = pruned(segmenter, card, 2)
    changed = {"depth": 2, "width": kept, "deep_supervision": "last"}
    assert smaller.model == card.model.model_copy(update=changed)
    assert smaller.training == card.training | {"pruned_from": 3}
    assert (smaller.fingerprint, smaller.fold, smaller.classes) == (card.fingerprint, card.fold, card.classes)
    assert "pruned_from" not in card.training


def test_pruned_twice_is_pruned_once() -> None:
    segmenter, card = trained("mean")
    twice, its_card = pruned(*pruned(segmenter, card, 2), 1)
    once, card = pruned(segmenter, card, 1)
    assert its_card == card
    assert card.training["pruned_from"] == 3
    assert all(torch.equal(value, twice.state_dict()[name]) for name, value in once.state_dict().items())


def test_the_file_loads_predicts_the_same_and_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    segmenter, card = trained()
    for name in ("one", "other"):
        model_file.save(tmp_path / name, *pruned(segmenter, card, 2))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    model_file.save(tmp_path / "whole", segmenter, card)
    assert (tmp_path / "one").stat().st_size < (tmp_path / "whole").stat().st_size
    loaded, about = model_file.load(tmp_path / "one")
    part, smaller = pruned(segmenter, card, 2)
    assert about == smaller
    with torch.no_grad():
        assert torch.equal(loaded(images(1, 3, 33, 47)), part(images(1, 3, 33, 47)))


@pytest.mark.slow
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_pruned_exports_to_onnx_and_so_does_the_mean_of_all(n_classes: int) -> None:
    segmenter, card = trained("mean", (4, 6, 8, 10), n_classes=n_classes, norm="instance")
    for each, about in ((segmenter, card), pruned(segmenter, card, 2)):
        forward, told = onnx_session.from_bytes(export.to_onnx(each, about), "the exported model")
        assert told == about
        with torch.no_grad():
            for size in ((33, 47), (16, 64)):
                torch.testing.assert_close(forward(images(1, 3, *size)), each(images(1, 3, *size)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("depth", [-1, 0, 4])
def test_a_depth_that_is_not_there_is_refused(depth: int) -> None:
    with pytest.raises(PipelineError, match=rf"--depth {depth}: the model has the depths 1 to 3\. Write one of those\."):
        pruned(*trained(), depth)


def test_what_has_no_head_at_each_depth_is_refused() -> None:
    with pytest.raises(PipelineError, match=r"deep_supervision none, .* Train with model\.deep_supervision last or mean\."):
        pruned(*trained("none"), 2)
    with pytest.raises(PipelineError, match=r"the model is a unet; only a U-Net\+\+ can be pruned"):
        pruned(*small(), 2)
