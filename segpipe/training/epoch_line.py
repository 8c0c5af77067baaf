"""The console's line an epoch."""

from collections.abc import Iterable

from segpipe.training.loop import Hook, Record, Run, Speed
from segpipe.training.pace import Pace


def hook(monitor: str, pace: Pace) -> Hook:
    """Prints a line an epoch, with the time that is left by `pace`, which it tells of the epoch's end."""
    names = dict.fromkeys(("loss", "miou", monitor))

    def report(record: Record, speed: Speed, run: Run) -> None:
        done, epoch = len(run.progress.history), int(record["epoch"])
        pace.ended(epoch, run.epochs, speed.seconds)
        loss = f"{record['train_loss']:.4f}" if "train_loss" in record else "none"
        spent = f", epsilon {record['epsilon']:.3g}" if "epsilon" in record else ""
        to_predict = pace.plan.images(epoch, run.epochs)
        validated = "not validated" if not to_predict else f"validation{_shown(record, names) or '  none'}"
        print(
            f"epoch {done}/{run.epochs}  train loss {loss}{spent} | {validated}"
            f" | {speed.images_per_s:.0f} images/s, {speed.data_wait:.0%} waiting for data, {pace.after(epoch, run.epochs)} left",
            flush=True,
        )

    return report


def _shown(record: Record, names: Iterable[str]) -> str:
    """The numbers of these names, of the whole validation part, or else of its subset."""
    prefix = "val_" if any(name.startswith("val_") for name in record) else "subset_"
    found = "".join(f"  {name} {record[prefix + name]:.3f}" for name in names if prefix + name in record)
    return f" of the subset{found}" if found and prefix == "subset_" else found
