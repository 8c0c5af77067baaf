"""snapshots.csv: what is written comes back, and a broken one names the stage to run."""

from pathlib import Path

import pytest

from segpipe.errors import PipelineError
from segpipe.inference import snapshot_scores
from segpipe.inference.snapshot_scores import SnapshotScores


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    found = [SnapshotScores(10, 7, 0.1, None, 1 / 3), SnapshotScores(20, 7, 1e-9, 0.5, 1.0)]
    for each in (found, []):
        snapshot_scores.write(tmp_path / "snapshots.csv", each)
        assert snapshot_scores.read(tmp_path / "snapshots.csv", 0) == each


@pytest.mark.parametrize("content", [None, "epoch,images,miou,dice,map\n1,2,x,,\n", "epoch\n1\n"])
def test_none_and_a_broken_one_are_a_sentence(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "snapshots.csv").write_text(content, encoding="utf-8")
    with pytest.raises(PipelineError, match=r"snapshots\.csv: not there, or broken .*dvc repro --force evaluate@3"):
        snapshot_scores.read(tmp_path / "snapshots.csv", 3)
