"""Times of a sample before the loop sees it: what decoding reads again is not its own, and it ends when it takes too long."""

import time
from collections.abc import Callable

import pytest

from segpipe.diagnostics import sample_times
from segpipe.diagnostics.sample_times import FEWEST, SampleTimes


@pytest.fixture
def after(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves a clock on that nothing else moves."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def move(seconds: float) -> None:
        now[0] += seconds

    return move


@pytest.mark.parametrize(("images", "seconds", "measured"), [(9, 1000.0, 8), (9, 30.0, 4), (9, 0.0, FEWEST), (1, 0.0, 1)])
def test_each_part_by_itself(after: Callable[[float], None], images: int, seconds: float, measured: int) -> None:
    ids = [str(number) for number in range(images)]
    read: list[str] = []

    def read_once(item: str) -> None:
        # From the disk for the first time, and then from the system's memory.
        after(0.5 if item in read else 2.0)
        read.append(item)

    def decode(item: str) -> str:
        after(0.5 + 4.0)
        return f"decoded {item}"

    def augment(item: str, decoded: str) -> None:
        assert decoded == f"decoded {item}"
        after(1.5)

    found = sample_times.time_samples(ids, read_once, decode, augment, seconds)
    # The first is read before, so that it costs nobody anything but where it is alone.
    assert found == SampleTimes(2.0 if images > 1 else 0.5, 4.0, 1.5)
    assert len(read) == 2 * (1 + measured)
