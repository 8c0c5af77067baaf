"""The how-to's recipes for a model and a loss of one's own, done as they stand there: the suites pass, and they train."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.conftest import set_params
from tests.structure.imports import ROOT

PAGE = (ROOT / "docs/how-to/add-a-model-or-loss.md").read_text(encoding="utf-8")
FILES = re.findall(r"```python\n# (segpipe/\S+\.py)\n(.*?)```", PAGE, re.DOTALL)
EDITS = re.findall(r"```diff\n--- (\S+)\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def extended(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose data is dealt, with our tests and with what the page adds."""
    folder = tmp_path_factory.mktemp("recipes") / "project"
    shutil.copytree(repository, folder, ignore=shutil.ignore_patterns(".git", "cache", "mlruns", "reports", "__pycache__"))
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "docs", folder / "docs", dirs_exist_ok=True)
    for name in ("README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    for path, content in FILES:
        assert not (folder / path).exists()
        (folder / path).write_text(f"# {path}\n{content}", encoding="utf-8")
    for path, lines in EDITS:
        apply(folder / path, lines)
    return folder


def apply(file: Path, lines: str) -> None:
    """Adds the lines with a plus behind the others, which must stand in the file once, however they are broken into lines."""
    kept = [line[1:] for line in lines.splitlines() if not line.startswith("+")]
    added = [line[1:] for line in lines.splitlines() if line.startswith("+")]
    assert lines.splitlines() == [*(f" {line}" for line in kept), *(f"+{line}" for line in added)], "first what is there"
    place = r"\s+".join(re.escape(word) for word in " ".join(kept).split())
    text = file.read_text(encoding="utf-8")
    (found,) = re.finditer(place, text)
    file.write_text(text[: found.end()] + "\n" + "\n".join(added) + text[found.end() :], encoding="utf-8")


def run(folder: Path, *arguments: str) -> str:
    """What Python prints in the folder, whose own code it runs; it must not fail."""
    untracked = os.environ | {"MLFLOW_TRACKING_URI": "nowhere://"}  # A database takes seconds to make.
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=untracked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_page_shows_a_model_and_a_loss() -> None:
    assert [path for path, _ in FILES] == ["segpipe/models/bare.py", "segpipe/losses/brier.py"]
    assert [path for path, _ in EDITS] == ["segpipe/params/architectures.py", "segpipe/params/schema.py"]


def test_the_shared_suites_pass_over_both(extended: Path) -> None:
    (words,) = re.findall(r'`pytest tests/models tests/losses -k "(.*?)"`', PAGE)
    rooms = ("tests/models", "tests/losses")
    told = run(extended, "-m", "pytest", *rooms, "-k", words, "-p", "no:cacheprovider", "-v", "-m", "not slow")
    ran = re.findall(r"(\S+)::(test_\w+)\[.*(bare|brier).* PASSED", told)
    # Most of a suite of some twenty tests: a name that no test took would pass too.
    assert len({test for file, test, name in ran if name == "bare" and file == "tests/models/test_architectures.py"}) > 5
    assert ("tests/models/test_read_keys.py", "test_a_key_that_is_read_changes_the_network", "bare") in ran
    assert len({test for file, test, name in ran if name == "bare" and file == "tests/models/test_table.py"}) > 12
    assert len({test for file, test, name in ran if name == "brier" and file == "tests/losses/test_table.py"}) > 5


def test_nothing_else_has_to_be_written_down(extended: Path) -> None:
    """Neither in params.yaml nor on a page."""
    files = [f"tests/params/test_{name}.py" for name in ("architectures", "descriptions", "reference")]
    assert "bare" in run(extended, "-m", "pytest", *files, "tests/models/test_reference.py", "-p", "no:cacheprovider", "-v")


def test_both_train_together_and_are_in_the_card(extended: Path) -> None:
    set_params(extended, {"model": {"name": "bare"}, "loss": {"name": "brier"}, "train": {"epochs": 1, "limit_images": 4}})
    told = run(extended, "-m", "stages.train", "--fold", "0")
    assert "epoch 1/1  train loss" in told
    told = run(extended, "-c", "from pathlib import Path; from segpipe.models import model_file; "
               "card = model_file.load(Path('models/fold0/model.safetensors'))[1]; "
               "print(card.model.name, card.training['params']['loss']['name'])")  # fmt: skip
    assert told.split() == ["bare", "brier"]
