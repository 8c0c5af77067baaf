"""Each record of segpipe/params/architectures.py against the network of its name: what the one says, the other does."""

import pytest
import torch

from segpipe.errors import PipelineError
from segpipe.inference.attention_maps import has_attention
from segpipe.models.table import build
from segpipe.params.architectures import ARCHITECTURES
from segpipe.params.schema import ModelParams, stride_of, takes_weights
from tests.models.suite import SMALL, images, segmenter_of

each_name = pytest.mark.parametrize("name", ARCHITECTURES)


def changed(name: str, **keys: object) -> ModelParams:
    return SMALL[name].model_copy(update=keys)


def shapes(params: ModelParams) -> dict[str, torch.Size]:
    """The shape of each weight of the network."""
    return {key: tensor.shape for key, tensor in build(params, 3, 1).network.state_dict().items()}


@each_name
@pytest.mark.parametrize("depth", [2, 4])
def test_the_stride_is_the_networks(name: str, depth: int) -> None:
    """So a crop that the parameters let through is never padded."""
    params = changed(name, depth=depth)
    assert stride_of(params) == build(params, 3, 1).stride


@each_name
def test_a_list_of_widths_has_a_number_for_each_level(name: str) -> None:
    """One number is the width of the first level, and stands for a list of that many which double."""
    record = ARCHITECTURES[name]
    if "width" not in record.reads:
        assert record.levels is None
        return
    listed = tuple(4 * 2**level for level in range(record.levels or SMALL[name].depth + 1))
    assert shapes(changed(name, width=listed)) == shapes(changed(name, width=4))
    assert ModelParams.model_validate(changed(name, width=listed).model_dump()).width == listed
    with pytest.raises(ValueError, match=f"width: {len(listed) + 1} numbers for {len(listed)} levels of {name}"):
        ModelParams.model_validate(changed(name, width=(*listed, 4)).model_dump())


@each_name
def test_an_encoder_takes_weights_where_they_are_read(name: str) -> None:
    params = changed(name, weights="/nowhere.pth")
    assert takes_weights(params) == ("weights" in ARCHITECTURES[name].reads)
    if takes_weights(params):
        with pytest.raises(PipelineError, match=r"/nowhere\.pth: no such file"):
            build(params, 3, 1)
    else:
        assert build(params, 3, 1).weights_sha256 is None


@each_name
def test_every_encoder_that_is_allowed_can_be_built(name: str) -> None:
    for encoder in ARCHITECTURES[name].encoders:
        assert build(changed(name, encoder=encoder), 3, 1).network


@each_name
def test_attention_is_there_from_the_least_depth_on(name: str) -> None:
    record = ARCHITECTURES[name]
    assert has_attention(segmenter_of(changed(name, depth=record.least_depth))) == record.has_attention
    if record.least_depth > 1:
        assert not has_attention(segmenter_of(changed(name, depth=record.least_depth - 1)))


@each_name
def test_what_can_be_pruned_holds_the_network_of_each_smaller_depth(name: str) -> None:
    assert holds_smaller(name) == ARCHITECTURES[name].prunable


def holds_smaller(name: str) -> bool:
    """Whether the whole network's weights, put into the network of a smaller depth by name, say what one of its heads says."""
    torch.manual_seed(0)
    whole = build(changed(name, depth=3, deep_supervision="last"), 3, 4).network
    part = build(changed(name, depth=2, deep_supervision="last"), 3, 4).network
    tensors, own = whole.state_dict(), part.state_dict()
    if not own.keys() < tensors.keys() or any(own[key].shape != tensors[key].shape for key in own):
        return False
    part.load_state_dict({key: tensors[key] for key in own})
    with torch.no_grad():
        branches, image = whole(images(2, 3, 32, 32)), images(2, 3, 32, 32)
        return branches.ndim == 5 and torch.equal(part(image)[-1], branches[1])
