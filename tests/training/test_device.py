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


def test_a_processor_with_another_cache_is_another_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """oneDNN cuts its sums to the cache, so the units alone do not say which last digits come out."""
    sizes = iter([1 << 20, 2 << 20, 0])
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"l2_cache_size": next(sizes), "avx512_bf16": True})
    units = torch.backends.cpu.get_cpu_capability()
    assert [device.instruction_set() for _ in range(3)] == [f"{units} L2 1024 KiB", f"{units} L2 2048 KiB", units]
