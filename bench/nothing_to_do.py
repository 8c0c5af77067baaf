"""How long `dvc repro` takes when nothing has changed, against pipelines without file dependencies: two ratios.

One is our own dvc.yaml less every `deps`, with outputs of one empty file: what is left is what our files cost. The other
is the least that DVC can do, seven stages of one parameter each: what is left is also the price of params.yaml, of the
matrix over folds and of names that follow parameters.

Run in a repository where `dvc repro` has run: python bench/nothing_to_do.py [ROUNDS]
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

Pipeline = dict[str, Any]


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory() as folder:
        places = {
            "ours": Path(),
            "ours without file dependencies": prepared(Path(folder) / "ours", without_files()),
            "seven bare stages": prepared(Path(folder) / "bare", bare()),
        }
        times = [{name: seconds(place) for name, place in places.items()} for _ in range(rounds + 1)][1:]
    for name in places:
        print(f"dvc repro with nothing to do, {name}: {statistics.median(each[name] for each in times):.2f} s")
    for name in list(places)[1:]:
        ratios = [each["ours"] / each[name] for each in times]
        print(f"ratio to {name}: median {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}, {rounds} rounds")


def without_files() -> Pipeline:
    """Our stages with their parameters and the names of their outputs, and nothing to read."""
    pipeline: Pipeline = yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))
    for stage in pipeline["stages"].values():
        stage.pop("deps", None)
        outs = [next(iter(out)) if isinstance(out, dict) else out for out in stage["outs"] + stage.get("metrics", [])]
        stage["cmd"] = " && ".join(f"mkdir -p $(dirname {out}) && cp code.start {out}" for out in outs)
    return pipeline


def bare() -> Pipeline:
    return {
        "stages": {
            f"stage{number}": {"cmd": f"touch out{number}", "params": ["seed"], "outs": [{f"out{number}": {"cache": False}}]}
            for number in range(7)
        }
    }


def prepared(folder: Path, pipeline: Pipeline) -> Path:
    """A repository in which the pipeline has run."""
    folder.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    shutil.copytree(".dvc", folder / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp", "config.local"))
    # The stage that writes code.json here copies it: the other stages read their keys in it.
    for source, name in (("params.yaml", "params.yaml"), ("code.json", "code.start"), ("code.json", "code.json")):
        shutil.copy(source, folder / name)
    (folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False), encoding="utf-8")
    seconds(folder)
    return folder


def seconds(folder: Path) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "dvc", "repro"], cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
