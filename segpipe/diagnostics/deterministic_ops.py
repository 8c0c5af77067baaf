"""The operations of a model that do not repeat themselves on a GPU, found on any machine before a training starts.

The list is that of torch.use_deterministic_algorithms, whose documentation says what each does on CUDA.
"""

from collections.abc import Callable
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from segpipe.errors import PipelineError

POOLING = "average by hand, or pool by a fixed window"
RESIZING = "use nearest neighbours or a transposed convolution"
PADDING = "pad with zeros"
POSITIONS = "a vision transformer resamples its positions by it: train at the size that it knows, or with optim.encoder_rate 0"

REFUSED: dict[str, str] = {
    "_adaptive_avg_pool2d_backward": POOLING,
    "_adaptive_avg_pool3d_backward": POOLING,
    "adaptive_max_pool2d_backward": POOLING,
    "avg_pool3d_backward": POOLING,
    "max_pool3d_with_indices_backward": POOLING,
    "fractional_max_pool2d_backward": POOLING,
    "max_unpool2d": RESIZING,
    "upsample_linear1d_backward": RESIZING,
    "upsample_bicubic2d_backward": RESIZING,
    "_upsample_bicubic2d_aa_backward": POSITIONS,
    "upsample_trilinear3d_backward": RESIZING,
    "grid_sampler_2d_backward": RESIZING,
    "reflection_pad1d_backward": PADDING,
    "reflection_pad2d_backward": PADDING,
    "replication_pad1d_backward": PADDING,
    "replication_pad2d_backward": PADDING,
    "nll_loss2d_forward": "take reduction='none' and the mean of that",
    "put_": "use index_put_",
    "histc": "count with bincount on the CPU",
    "_ctc_loss_backward": "use another loss",
}
"""What torch refuses on CUDA under deterministic algorithms, and what to take instead."""

SLOW: dict[str, str] = {
    "upsample_bilinear2d_backward": "bilinear resizing repeats itself on CUDA, by a slower path",
}


def operations(step: Callable[[], object]) -> list[str]:
    """The names of the operations that one step runs, forward and backward, each once."""
    seen = _Names()
    with seen:
        step()
    return list(seen.names)


def warnings(names: list[str]) -> list[str]:
    """A sentence for each operation that will not repeat itself on a GPU, or only slowly."""
    refused = [f"{name}: torch refuses it on CUDA; {REFUSED[name]}" for name in names if name in REFUSED]
    return refused + [f"{name}: {SLOW[name]}" for name in names if name in SLOW]


def require_repeatable(names: list[str]) -> None:
    """Raises PipelineError where torch would refuse an operation on CUDA: better now than in the middle of the first batch."""
    refused = warnings([name for name in names if name in REFUSED])
    if refused:
        raise PipelineError(
            "\n".join(f"model or loss: {sentence}." for sentence in refused)
            + "\nOr set train.deterministic to false: the training then gives other bytes each time, which the report says."
        )


class _Names(TorchDispatchMode):
    """Sees every operation after autograd, so those of the backward pass too."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, None] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        packet = func.overloadpacket.__name__
        # A 2-D NLL that returns each pixel's loss (reduction 0) is the one that repeats itself.
        if packet != "nll_loss2d_forward" or args[3] != 0:
            self.names[packet] = None
        return func(*args, **(kwargs or {}))
