"""What watches a training: the console's line an epoch; and when to stop early."""

import time
from collections.abc import Callable, Sequence

from segpipe.training.loop import Hook, Record, Run, Speed


def console(monitor: str) -> Hook:
    """Prints a line an epoch, with the time that is left."""
    start = time.monotonic()
    before: list[int] = []

    names = dict.fromkeys(("val_loss", "val_miou", f"val_{monitor}"))

    def report(record: Record, speed: Speed, run: Run) -> None:
        done = len(run.progress.history)
        # A resumed training takes its pace from the epochs that it trained itself.
        before[:] = before or [done - 1]
        left = (time.monotonic() - start) / (done - before[0]) * (run.epochs - done)
        shown = "".join(f"  {name.removeprefix('val_')} {record[name]:.3f}" for name in names if name in record)
        loss = f"{record['train_loss']:.4f}" if "train_loss" in record else "none"
        print(
            f"epoch {done}/{run.epochs}  train loss {loss} | validation{shown or '  none'}"
            f" | {speed.images_per_s:.0f} images/s, {speed.data_wait:.0%} waiting for data, {_minutes(left)} left",
            flush=True,
        )

    return report


def early_stop(epochs: int, score: Callable[[Record], float]) -> Callable[[Sequence[Record]], bool]:
    """Whether the history so far ends in `epochs` epochs without a better score; 0 never stops.

    It follows from the history alone, so that a resume stops where the whole run did.
    """

    def stop(history: Sequence[Record]) -> bool:
        scores = [score(record) for record in history]
        # index() finds the first of equal scores, which is the best epoch of `loop.fit` too.
        waited = len(scores) - 1 - scores.index(max(scores)) if scores else 0
        enough = 0 < epochs <= waited
        if enough:
            print(f"stopped early: no better epoch for {waited} epochs (train.early_stop)", flush=True)
        return enough

    return stop


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
