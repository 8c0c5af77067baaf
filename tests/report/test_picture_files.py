"""Pictures beside the page: four in a file, by number, none left over, the same bytes each time."""

from pathlib import Path

import cv2
import pytest

from segpipe import evaluation
from segpipe.dataset import pack
from segpipe.dataset.split import folds as splits
from segpipe.report import image_table, picture_files
from tests.report.projects import finished


def test_the_worst_have_their_pictures_and_others_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = finished(tmp_path, (0, 1))
    data = pack.open_pack(folder / "data/prepared")
    results = evaluation.read(folder / "data/eval", (0, 1), splits.read(folder / "data/folds/folds.csv"), 3)
    rows = image_table.rows(results)
    out = tmp_path / "images"
    picture_files.write(out, rows[:5], results, data)
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    assert sorted(first) == [f"{number:05d}.jpg" for number in range(1, 6)]
    assert cv2.imread(str(out / "00001.jpg")).shape == (16, 4 * 20, 3)
    # Of the fold whose row it is: fold 1 sees the truth one pixel further to the right than fold 0 does.
    twice = [row for row in rows if row.scores.id == rows[0].scores.id and row.part == "test"]
    picture_files.write(out, twice, results, data)
    assert sorted(path.name for path in out.iterdir()) == ["00001.jpg", "00002.jpg"]
    one, other = (cv2.imread(str(path)).astype(int) for path in sorted(out.iterdir()))
    assert abs(one - other)[:, :35].max() < 10 and abs(one - other)[:, 40:].max() > 60
    picture_files.write(out, rows[:5], results, data)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first
    monkeypatch.setattr(picture_files, "LONG_SIDE", 10)
    picture_files.write(out, rows[:1], results, data)
    assert cv2.imread(str(out / "00001.jpg")).shape == (8, 40, 3)
