"""Writes into dvc.yaml the files of code that each stage depends on: `make deps`, after an import has changed."""

import io
from typing import Any

from ruamel.yaml import YAML

from tests.structure.imports import ROOT, closure

EXEMPT = {"segpipe/params.py"}
"""It decides no byte, and each new key would rerun the download."""


def code_deps(stage: str) -> list[str]:
    """The files of code that a stage's `deps` must name, sorted."""
    return sorted(closure(f"stages.{stage}") - EXEMPT)


def main() -> None:
    yaml = YAML()
    yaml.width = 130
    path = ROOT / "dvc.yaml"
    content: Any = yaml.load(path.read_text(encoding="utf-8"))
    for name, stage in content["stages"].items():
        data = [dep for dep in stage["deps"] if not dep.endswith(".py")]
        stage["deps"] = data + code_deps(name)
    stream = io.StringIO()
    yaml.dump(content, stream)
    path.write_text(stream.getvalue(), encoding="utf-8")


if __name__ == "__main__":
    main()
