"""A project whose pipeline is two one-liners: DVC and Git are real, and nothing is trained."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests import plain_params
from tests.structure.imports import ROOT

PIPELINE = {
    "stages": {
        "first": {"cmd": "python first.py", "deps": ["first.py"], "params": ["seed"], "outs": ["first.txt"]},
        "second": {
            "matrix": {"fold": "${folds}"},
            "cmd": "python second.py ${item.fold}",
            "deps": ["first.txt", "second.py"],
            "params": ["train", "loss"],
            "outs": ["data/fold${item.fold}"],
        },
        "last": {
            "cmd": "python last.py",
            "deps": ["data"],
            "metrics": [{"metrics/summary.json": {"cache": False}}],
        },
    }
}
FIRST = "open('first.txt', 'w').write('1')\n"
SECOND = """
import os, pathlib, sys, time, yaml
params = yaml.safe_load(open("params.yaml"))
weight = params["loss"]["dice_weight"]
with open(os.path.join(os.environ["DVC_ROOT"], "ran.txt"), "a") as stream:
    print(os.environ["DVC_EXP_NAME"], file=stream)
with open(os.path.join(os.environ["DVC_ROOT"], "study.txt"), "a") as stream:
    print(os.environ["SEGPIPE_STUDY"], file=stream)
while weight == 0.4 and os.path.exists(os.path.join(os.environ["DVC_ROOT"], "hold")):
    time.sleep(0.02)
if weight == 0.9:
    sys.exit("error: loss.dice_weight: 0.9 never worked.")
folder = pathlib.Path("data/fold" + sys.argv[1])
folder.mkdir(parents=True)
(folder / "score").write_text(repr(weight + params["train"]["seed"]))
"""
LAST = """
import json, pathlib
scores = [float(each.read_text()) for each in pathlib.Path("data").glob("*/score")]
pathlib.Path("metrics").mkdir(exist_ok=True)
json.dump({"test": {"dice": sum(scores) / len(scores)}}, open("metrics/summary.json", "w"))
"""
STUDY: dict[str, Any] = {
    "title": "How much Dice?",
    "base": {"train": {"epochs": 4}},
    "axis": {"loss.dice_weight": [0.1, 0.7]},
    "seeds": [0],
    "folds": [0],
    "score": "dice",
    "part": "test",
}


PROGRAM = """
import signal
from segpipe.cli.main import entry
signal.signal(signal.SIGINT, signal.{handler})
entry()
"""
"""`segpipe`, whether Ctrl-C is ignored where the tests run, as in the background of a script, or not."""


def git(folder: Path, *arguments: str) -> str:
    """What Git answers."""
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


def new_project(folder: Path) -> Path:
    """A committed repository with DVC, the small pipeline and our own params.yaml."""
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "params.yaml", folder / "params.yaml")
    plain_params.write(folder)
    # Nothing runs them; what their code says is compared.
    shutil.copytree(ROOT / "stages", folder / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "dvc.yaml").write_text(yaml.safe_dump(PIPELINE), encoding="utf-8")
    for name, text in (("first", FIRST), ("second", SECOND), ("last", LAST)):
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    (folder / ".gitignore").write_text("/first.txt\n/data\n/.resume/\n/ran.txt\n/study.txt\n/hold\n", encoding="utf-8")
    begin(folder)
    commit(folder)
    return folder


def begin(folder: Path) -> None:
    """Git and DVC, with nothing in either."""
    shutil.copytree(ROOT / ".dvc", folder / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp", "config.local"))
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "config", "user.name", "tester")
    git(folder, "config", "user.email", "tester@localhost")


def commit(folder: Path) -> None:
    """Everything, as it stands."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "as it stands")


def write_study(folder: Path, name: str = "dice", **changes: Any) -> Path:
    """A study's file, not committed, relative to the folder: STUDY with other keys."""
    path = Path("studies") / f"{name}.yaml"
    (folder / path).parent.mkdir(exist_ok=True)
    (folder / path).write_text(yaml.safe_dump(STUDY | changes, sort_keys=False), encoding="utf-8")
    return path


def start(folder: Path, *arguments: str, handler: str = "default_int_handler") -> "subprocess.Popen[str]":
    """`segpipe study run` in the folder, which does with Ctrl-C what `handler` says."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(handler=handler), "study", "run", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def study(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """`segpipe study run` in the folder, to its end."""
    process = start(folder, *arguments)
    out, err = process.communicate()
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def ran(folder: Path) -> list[str]:
    """The experiments whose second stage ran since this was last asked, in their order."""
    file = folder / "ran.txt"
    names = file.read_text(encoding="utf-8").split() if file.exists() else []
    file.unlink(missing_ok=True)
    return names
