"""The settings that make a device give the same bytes again."""

from collections.abc import Iterator

import pytest
import torch

from segpipe.training import device


@pytest.fixture(autouse=True)
def settings_kept() -> Iterator[None]:
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


def unrepeatable() -> torch.Tensor:
    """An operation that torch knows to have no deterministic implementation, on any device."""
    return torch.zeros(3).put_(torch.tensor([0]), torch.tensor([1.0]))


def test_what_cannot_repeat_itself_is_refused_only_where_it_must_repeat() -> None:
    device.configure_determinism(1, True)
    assert torch.get_num_threads() == 1
    with pytest.raises(RuntimeError, match="does not have a deterministic implementation"):
        unrepeatable()
    device.configure_determinism(2, False)
    assert torch.get_num_threads() == 2
    assert unrepeatable()[0] == 1


def test_new_memory_is_not_filled_first() -> None:
    device.configure_determinism(1, True)
    assert not torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
