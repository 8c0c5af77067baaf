"""What watches a training: the console's line an epoch, and early stopping."""

import time

from segpipe.training.loop import Hook, Record, Run, Speed


def console(monitor: str) -> Hook:
    """Prints a line an epoch, with the time that is left."""
    start = time.monotonic()

    names = dict.fromkeys(("val_loss", "val_miou", f"val_{monitor}"))

    def report(record: Record, speed: Speed, run: Run) -> bool:
        done = len(run.history)
        left = (time.monotonic() - start) / done * (run.epochs - done)
        shown = "".join(f"  {name.removeprefix('val_')} {record[name]:.3f}" for name in names if name in record)
        print(
            f"epoch {done}/{run.epochs}  train loss {record['train_loss']:.4f} | validation{shown}"
            f" | {speed.images_per_s:.0f} images/s, {speed.data_wait:.0%} waiting for data, {_minutes(left)} left",
            flush=True,
        )
        return False

    return report


def early_stop(epochs: int) -> Hook:
    """Stops after `epochs` epochs without a better monitored value; 0 never stops."""

    def watch(record: Record, speed: Speed, run: Run) -> bool:
        gains = [run.gain(each) for each in run.history]
        waited = len(gains) - 1 - gains.index(max(gains))
        stop = 0 < epochs <= waited
        if stop:
            print(f"stopped early: no better epoch for {waited} epochs (train.early_stop)", flush=True)
        return stop

    return watch


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
