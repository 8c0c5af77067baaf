"""An edit that changes no byte is proved and recorded without a training; one that does is refused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.conftest import dvc, live_lock, ran, set_params
from tests.pipeline.test_repro import with_cache

MODEL = Path("models/fold0/model.safetensors")


@pytest.fixture
def clone(repository: Path, tmp_path: Path) -> Path:
    return with_cache(repository, tmp_path / "clone")


def segpipe(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "segpipe.cli.main", *arguments]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTHONPATH": ""}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)


def edit(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new), encoding="utf-8")


def test_a_comment_reruns_nothing(clone: Path) -> None:
    edit(
        clone,
        "segpipe/training/loop.py",
        "    run.model.train()\n",
        "    # Dropout and normalisation learn.\n    run.model.train()\n",
    )
    assert ran(dvc(clone, "repro")) == ["code"]


@pytest.mark.slow
def test_a_loss_beside_the_old_reruns_nothing(clone: Path) -> None:
    (clone / "segpipe" / "losses" / "mine.py").write_text("from segpipe.losses.dice import from_params\n", encoding="utf-8")
    edit(clone, "segpipe/params/schema.py", '"dice_ce",\n', '"mine",\n        "dice_ce",\n')
    assert ran(dvc(clone, "repro")) == ["code"]
    set_params(clone, {"loss": {"name": "mine"}})
    assert ran(dvc(clone, "repro"))[:2] == ["sanity", "train@0"]


@pytest.mark.slow
def test_a_refactoring_and_a_new_key_are_adopted_and_are_what_a_training_would_give(clone: Path) -> None:
    edit(clone, "segpipe/training/schedule.py", "0.5 * (1 + math.cos", "(1 / 2) * (1 + math.cos")
    edit(clone, "segpipe/params/schema.py", "    dice_weight: Share = ", "    gamma: Share\n    dice_weight: Share = ")
    edit(clone, "params.yaml", "  dice_weight: 0.5", "  gamma: 0.0\n  dice_weight: 0.5")
    done = segpipe(clone, "adopt", "--steps", "2")
    assert done.returncode == 0, done.stderr
    assert "recorded, not trained again" in done.stdout
    adopted = (clone / MODEL).read_bytes()
    assert ran(dvc(clone, "repro")) == ["evaluate@0", "export", "report"]
    lock = live_lock(clone)
    # What was adopted is to the byte what a training of the edited code gives.
    dvc(clone, "repro", "--force", "--single-item", "train@0")
    assert (clone / MODEL).read_bytes() == adopted
    assert live_lock(clone) == lock


@pytest.mark.parametrize(
    ("file", "old", "new", "sentence"),
    [
        ("segpipe/losses/pixels.py", ".clamp(min=1)", ".clamp(min=2e6)", "epoch 1, batch 1: loss differs"),
        pytest.param(
            "segpipe/training/schedule.py",
            "0.5 * (1 + math.cos",
            "0.4 * (1 + math.cos",
            "weights differs",
            marks=pytest.mark.slow,
        ),
        pytest.param("params.yaml", "lr: 0.002", "lr: 0.003", "optim.lr 0.002 there, 0.003 here", marks=pytest.mark.slow),
    ],
)
def test_what_changes_a_byte_is_refused_with_its_first_place(clone: Path, file: str, old: str, new: str, sentence: str) -> None:
    edit(clone, file, old, new)
    before = (clone / MODEL).read_bytes()
    done = segpipe(clone, "adopt", "--steps", "1")
    assert done.returncode == 2
    assert "cannot be adopted" in done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert (clone / MODEL).read_bytes() == before
    assert ran(dvc(clone, "repro", "--dry"))[0] == "train@0"


@pytest.mark.slow
def test_verify_names_another_processor(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch leaves vector units out when told to: so little hardware gives other last digits."""
    told = json_of(clone)
    units = told["instruction_set"].split()[0]
    if units == "DEFAULT":
        pytest.skip("this processor has nothing that could be left out")
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    other = segpipe(clone, "verify", "--steps", "5")
    assert other.returncode == 2
    assert (
        f"other processor: instruction_set {told['instruction_set']} there, DEFAULT{told['instruction_set'][len(units) :]} here"
        in other.stderr
    )


@pytest.mark.slow
def test_verify_sees_a_model_that_was_not_trained_like_this(clone: Path) -> None:
    """The model of another seed under the card of this one."""
    from segpipe.storage import checksummed

    tensors, about = checksummed.opened((clone / MODEL).read_bytes())
    about["training"]["first_steps"] = "0" * 16
    (clone / MODEL).unlink()
    (clone / MODEL).write_bytes(checksummed.seal(tensors, about))
    other = segpipe(clone, "verify", "--steps", "5")
    assert other.returncode == 2
    assert "different: the weights after" in other.stderr


def json_of(folder: Path) -> dict[str, str]:
    from segpipe.storage import checksummed

    found: dict[str, str] = checksummed.opened((folder / MODEL).read_bytes())[1]["training"]
    return found
