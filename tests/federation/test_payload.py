"""Answers of sites: what is as asked comes through to the bit, everything else is refused with a reason."""

import json
import pickle
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save
from torch import Tensor

from segpipe.federation.payload import ABOUT_BYTES, ENTRY_BYTES, RefusedError, largest_answer, read_answer
from segpipe.storage import checksummed

SENT = {"a": torch.zeros(3, 4), "b": torch.zeros((), dtype=torch.int64), "c": torch.zeros(2, dtype=torch.bfloat16)}


def answered(**changed: Tensor) -> dict[str, Tensor]:
    return SENT | changed


def refused(tensors: dict[str, Tensor], about: Any = None) -> str:
    return refused_bytes(checksummed.seal(tensors, {} if about is None else about))


def refused_bytes(content: bytes) -> str:
    with pytest.raises(RefusedError) as error:
        read_answer(content, SENT)
    return str(error.value)


def test_an_answer_comes_through_to_the_bit() -> None:
    tensors = answered(a=torch.randn(3, 4, generator=torch.Generator().manual_seed(0)))
    about = {"images": 12, "scores": [0.5, None], "name": "Ö"}
    found, said = read_answer(checksummed.seal(tensors, about), SENT)
    assert said == about and found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) and found[name].dtype == tensors[name].dtype for name in tensors)


def test_names_shapes_and_types_are_those_that_were_sent() -> None:
    assert refused(answered(a=torch.zeros(4, 3))) == "a is float32[4, 3] and not float32[3, 4]"
    assert refused(answered(a=torch.zeros(3, 4, dtype=torch.float16))) == "a is float16[3, 4] and not float32[3, 4]"
    assert refused({"a": SENT["a"], "c": SENT["c"]}) == "b is missing"
    assert refused(answered(zebra=torch.zeros(1))) == "it holds zebra, which nobody asked for"
    assert "\n" not in refused(answered(**{"line\nbreak": torch.zeros(1)}))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", ["a", "c"])
def test_numbers_are_finite(name: str, value: float) -> None:
    assert refused(answered(**{name: torch.full_like(SENT[name], value)})) == f"{name} holds numbers that are not finite"


def test_what_is_said_is_a_json_object_of_finite_numbers() -> None:
    assert "no JSON object" in refused(SENT, [1])
    assert "JSON" in refused(SENT, {"loss": float("nan")})


def test_nothing_larger_than_was_sent_is_parsed() -> None:
    limit = largest_answer(SENT)
    assert f"at most {limit:,}" in refused_bytes(checksummed.seal(answered(a=torch.zeros(1000, 1000)), {}))
    long = {"long": "x" * (ABOUT_BYTES - 1000)}
    assert read_answer(checksummed.seal(SENT, long), SENT)[1] == long


def test_a_header_larger_than_was_asked_for_is_not_parsed() -> None:
    """Though the answer as a whole is not too large: a tensor is missing."""
    most = ABOUT_BYTES + ENTRY_BYTES * (len(SENT) + 1)

    def answer(letters: int) -> bytes:
        return checksummed.seal({"a": SENT["a"]}, {"long": "x" * letters})

    content = answer(most - int.from_bytes(answer(0)[:8], "little") + 8)
    assert most < int.from_bytes(content[:8], "little") and len(content) <= largest_answer(SENT)
    assert "its header" in refused_bytes(content)


def test_json_that_is_nested_without_end_is_refused() -> None:
    text = json.dumps({"about": None, "seal": checksummed.BLANK}, sort_keys=True).replace("null", "[" * 100_000 + "]" * 100_000)
    content = checksummed.closed(save(dict(SENT), metadata={checksummed.KEY: text}), checksummed.MARK)
    assert "recursion" in refused_bytes(content)


class _Runs:
    def __reduce__(self) -> Any:
        return pytest.fail, ("a pickle was run",)


def test_a_pickle_is_refused_and_not_run() -> None:
    assert "no header of safetensors" in refused_bytes(pickle.dumps(_Runs()))


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(content: bytes) -> None:
    assert refused_bytes(content)


@given(st.data())
def test_any_changed_byte_is_refused(data: st.DataObject) -> None:
    content = bytearray(checksummed.seal(SENT, {"images": 3}))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    assert refused_bytes(bytes(content))
