"""Event files hold each number once, over interruptions too; what keeps them from being written stops no training."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segpipe.errors import PipelineError
from segpipe.images.encode import encode_png
from segpipe.tracking import event_files
from segpipe.tracking.event_files import EventFiles

with_package = pytest.mark.skipif(find_spec("tensorboard") is None, reason="the extra tensorboard is not installed")


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every tag's steps and values, as TensorBoard reads them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found: Any = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    found.Reload()
    return {tag: [(each.step, each.value) for each in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def rounded(curves: dict[str, list[tuple[int, float]]]) -> dict[str, list[tuple[int, float]]]:
    """The values as 32-bit floats."""
    return {name: [(step, float(np.float32(value))) for step, value in points] for name, points in curves.items()}


def pictures(folder: Path) -> dict[str, list[tuple[int, bytes]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found: Any = EventAccumulator(str(folder), size_guidance={"images": 0})
    found.Reload()
    return {tag: [(each.step, each.encoded_image_string) for each in found.Images(tag)] for tag in found.Tags()["images"]}


@with_package
def test_numbers_are_read_back_as_floats(tmp_path: Path) -> None:
    files = EventFiles(tmp_path / "one", goes_on=False)
    files.metrics({"lr": 0.1, "val_dice": 1 / 3}, 0)
    files.metrics({"lr": 0.01}, 1)
    files.end()
    assert scalars(tmp_path / "one") == rounded({"lr": [(0, 0.1), (1, 0.01)], "val_dice": [(0, 1 / 3)]})


@with_package
def test_a_picture_is_its_own_bytes_and_size(tmp_path: Path) -> None:
    png = encode_png(np.zeros((4, 6, 3), np.uint8))
    files = EventFiles(tmp_path, goes_on=False)
    files.picture("best/a", png, 3)
    files.end()
    assert pictures(tmp_path) == {"best/a": [(3, png)]}


@with_package
def test_what_is_there_is_not_written_again(tmp_path: Path) -> None:
    for epochs in (range(3), range(1, 5)):
        files = EventFiles(tmp_path, goes_on=True)
        for epoch in epochs:
            files.metrics({"lr": 0.5 * epoch}, epoch)
            files.picture("predictions/a", encode_png(np.full((2, 2, 3), epoch, np.uint8)), epoch)
        files.end()
    assert len(list(tmp_path.iterdir())) == 2
    assert scalars(tmp_path) == {"lr": [(epoch, 0.5 * epoch) for epoch in range(5)]}
    assert [step for step, _ in pictures(tmp_path)["predictions/a"]] == [*range(5)]


@with_package
def test_half_a_record_at_the_end_is_none(tmp_path: Path) -> None:
    """What a killed process leaves."""
    files = EventFiles(tmp_path, goes_on=False)
    files.metrics({"lr": 1.0}, 0)
    files.metrics({"lr": 2.0}, 1)
    files.end()
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-5])
    again = EventFiles(tmp_path, goes_on=True)
    assert again.last_step("lr") == 0
    again.metrics({"lr": 2.0}, 1)
    again.end()
    assert scalars(tmp_path) == {"lr": [(0, 1.0), (1, 2.0)]}


@with_package
def test_another_training_of_the_same_begins_with_nothing(tmp_path: Path) -> None:
    for value in (1.0, 2.0):
        files = EventFiles(tmp_path, goes_on=False)
        files.metrics({"lr": value}, 0)
        files.end()
    assert scalars(tmp_path) == {"lr": [(0, 2.0)]}


@with_package
def test_files_that_cannot_be_written_cost_one_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    files = EventFiles(tmp_path / "file" / "folder", goes_on=True)
    files.metrics({"lr": 1.0}, 0)
    files.end()
    assert capsys.readouterr().err.count("warning: TensorBoard's event files do not work: ") == 1


def test_an_absent_package_is_an_error_before_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "tensorboard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(PipelineError, match=r"tracking\.tensorboard: the package tensorboard is not installed"):
        event_files.require_installed()


def test_it_lies_in_the_main_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert event_files.folder_of("train-0-abc") == tmp_path / "tensorboard_logs" / "train-0-abc"
