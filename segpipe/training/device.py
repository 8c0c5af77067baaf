"""Which device computes, and the settings that make it give the same bytes again."""

import cv2
import torch

from segpipe.errors import PipelineError


def select_device(requested: str) -> torch.device:
    """`auto` takes the GPU where there is one. Raises PipelineError where `cuda` is missing, and for a word that is no device."""
    if requested not in ("auto", "cpu", "cuda"):
        raise PipelineError(f"there is no device {requested}. Write auto, cpu or cuda.")
    if requested == "cuda" and not torch.cuda.is_available():
        raise PipelineError("runtime.device: cuda, but torch sees no GPU. Write auto or cpu, or mend the driver.")
    return torch.device("cuda" if requested != "cpu" and torch.cuda.is_available() else "cpu")


def configure_determinism(threads: int, deterministic: bool) -> None:
    """Fixes thread counts and, unless told otherwise, allows only operations that repeat themselves bit for bit."""
    # 0 is the calling thread alone: torch's threads and the loader's workers have the cores already.
    cv2.setNumThreads(0)
    # Another number of threads adds in another order, and gives other last digits.
    torch.set_num_threads(threads)
    # As use_deterministic_algorithms, which also sets torch.compile's own flag, and takes a second to import it.
    torch.set_deterministic_debug_mode("error" if deterministic else "default")
    # Deterministic algorithms would also fill new memory with NaN, to show operations that read it before they write it. None of
    # ours do, and filling takes time at each step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    # The benchmark takes whichever algorithm was fastest just now, which may be another one next time.
    torch.backends.cudnn.benchmark = not deterministic


def describe(device: torch.device) -> str:
    """The device in words, for people and MLflow; never for a tracked file."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU ({instruction_set()}, {torch.get_num_threads()} threads)"


def instruction_set(precision: str = "fp32") -> str:
    """What the CPU's vector units can do, by torch's name for it, and its second-level cache: others give other last digits.

    In bf16 also which units multiply in it: a processor without them adds up in another order.
    """
    units = bf16_units() if precision == "bf16" else ""
    return " ".join(part for part in (torch.backends.cpu.get_cpu_capability(), units, _second_level_cache()) if part)


def _second_level_cache() -> str:
    """Its size. oneDNN cuts sums to what fits into it: two processors of the same set trained to other last digits."""
    size = torch.cpu.get_capabilities().get("l2_cache_size", 0)
    return f"L2 {size // 1024} KiB" if size else ""


def bf16_units() -> str:
    """The CPU's units for bfloat16, amx_bf16 or avx512_bf16; empty where it has none, and bf16 is no gain."""
    can = torch.cpu.get_capabilities()
    return next((name for name in ("amx_bf16", "avx512_bf16") if can.get(name)), "")
