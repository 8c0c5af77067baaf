"""What a bug report needs to know of a machine: versions, system, processor; no name of a user, a host or a folder."""

import importlib
import os
import platform
import re
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from segpipe.reproducibility import versions

ABSENT = "not installed"


def version_facts() -> Iterator[tuple[str, str]]:
    """Of segpipe, Python, DVC and Git."""
    yield "segpipe", installed("segpipe")
    yield "Python", f"{platform.python_version()} ({platform.python_implementation()})"
    yield "dvc", installed("dvc")
    yield "git", _git_version()


def system_facts() -> Iterator[tuple[str, str]]:
    """The operating system's kind, and what of the processor is not torch's to tell."""
    yield "system", f"{platform.system()} {_distribution()}".strip()
    yield "machine", platform.machine()
    # A kernel's full name may be anybody's; that of WSL has this word.
    yield "WSL", "yes" if "microsoft" in platform.release().lower() else "no"
    affinity = getattr(os, "sched_getaffinity", None)  # Linux alone
    allowed = f", {len(affinity(0))} of them for this process" if affinity else ""
    yield "processor cores", f"{os.cpu_count()}{allowed}"


def torch_facts() -> Iterator[tuple[str, str]]:
    """torch and what it computes on, the processor in the words of a model's card."""
    try:
        torch: Any = importlib.import_module("torch")
        device = importlib.import_module("segpipe.training.device")
    # A broken installation is what such a report may be about.
    except Exception as error:
        yield "torch", f"{installed('torch')}, cannot be imported ({type(error).__name__})"
        return
    yield "torch", f"{torch.__version__}, CUDA {torch.version.cuda or 'none'}"
    yield "processor", device.instruction_set()
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    yield "GPU", ", ".join(gpus) or "none"


def package_facts(lock: Path = versions.LOCK) -> Iterator[tuple[str, str]]:
    """Each package of runtime.lock, with what is installed where that is another version."""
    if not lock.is_file():
        yield lock.name, "none in this folder"
        return
    for name, wanted in versions.read(lock).items():
        found = installed(name)
        # As `versions.check` compares them: a local part such as +cu130 names the build.
        same = found.split("+")[0] in wanted
        yield name, found if same else f"{found}, DIFFERS: runtime.lock has {' or '.join(sorted(wanted))}"


def installed(package: str) -> str:
    """The version that is installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ABSENT


def _git_version() -> str:
    try:
        answer = subprocess.run(["git", "--version"], capture_output=True, text=True, check=False, timeout=10).stdout
    except (OSError, subprocess.SubprocessError):
        return ABSENT
    return (re.findall(r"\d[\d.]*", answer) or [ABSENT])[0].rstrip(".")


def _distribution() -> str:
    """Of Linux: such as `debian 12`; of macOS and Windows their version."""
    if platform.system() != "Linux":
        return platform.mac_ver()[0] or platform.version()
    try:
        about = platform.freedesktop_os_release()
    except OSError:
        return ""
    return f"{about['ID']} {about.get('VERSION_ID', '')}".strip()
