"""make verify: runs the whole pipeline again and fails where a byte of dvc.lock or metrics/ has changed."""

import subprocess
import sys
from pathlib import Path

from segpipe import command
from segpipe.errors import PipelineError
from segpipe.files import sha256_of

LOCK = Path("dvc.lock")
METRICS = Path("metrics")


def main() -> None:
    """Forces every stage to run again and compares what comes out with what was there before."""
    if not LOCK.is_file():
        raise PipelineError("there is no dvc.lock to compare with. Run `make repro` first.")
    before = _hashes()
    lock = LOCK.read_text(encoding="utf-8")
    # By this Python, not by a `dvc` that happens to be on the PATH.
    if subprocess.run([sys.executable, "-m", "dvc", "repro", "--force"], check=False).returncode:
        raise PipelineError("`dvc repro --force` failed, so nothing could be compared; what went wrong stands above.")
    changed = sorted(name for name in before.keys() | _hashes().keys() if before.get(name) != _hashes().get(name))
    if changed:
        raise PipelineError("\n".join([*_explain(lock), f"the rerun gave other bytes: {', '.join(changed)}. See `git diff`."]))
    command.done(f"same: {len(before)} files, every byte of dvc.lock and metrics/", "open reports/index.html")


def _hashes() -> dict[str, str]:
    files = [LOCK, *sorted(path for path in METRICS.rglob("*") if path.is_file())]
    return {path.as_posix(): sha256_of(path) for path in files}


def _explain(lock: str) -> list[str]:
    """The outputs whose hash has changed, by the stage that makes them."""
    import yaml

    before, after = (yaml.safe_load(text)["stages"] for text in (lock, LOCK.read_text(encoding="utf-8")))
    return [
        f"stage {stage}: {out['path']} differs"
        for stage, content in after.items()
        for out in content.get("outs", [])
        if out not in before.get(stage, {}).get("outs", [])
    ]


if __name__ == "__main__":
    command.run(main)
