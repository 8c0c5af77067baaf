"""Which predictions are shown, and that their pictures are what they say."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from segpipe import evaluation
from segpipe.dataset import pack
from segpipe.dataset.split import folds as splits
from segpipe.report import examples
from tests.report.projects import finished


def shown(content: bytes) -> NDArray[np.uint8]:
    """A picture as RGB."""
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert decoded is not None
    return decoded.astype(np.uint8)


def test_pictures_show_image_truth_prediction_and_errors(tmp_path: Path) -> None:
    folder = finished(tmp_path) / "data"
    data = pack.open_pack(folder / "prepared")
    (fold,) = evaluation.read(folder / "eval", (0,), splits.read(folder / "folds/folds.csv"), 3)
    best, worst = examples.best_and_worst(fold, "test", data, 2, {})
    assert [each.id for each in best] == ["image00", "image01"]
    assert [each.id for each in worst] == ["image03", "image02"]
    assert best[0].dice == 1.0
    decoded = [shown(content) for content in worst[0].pictures]
    assert [each.shape for each in decoded] == [(16, 20, 3)] * 4
    red = (decoded[3][:, :, 0].astype(int) - decoded[3][:, :, 1] > 100).sum()
    wrong = (np.roll(data.mask("image03"), 3, axis=1) != data.mask("image03")).sum()
    assert abs(int(red) - int(wrong)) <= 0.1 * wrong
    assert np.abs(decoded[0].astype(int) - data.image("image03")).mean() < 12


def test_large_pictures_are_shrunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = finished(tmp_path) / "data"
    data = pack.open_pack(folder / "prepared")
    (fold,) = evaluation.read(folder / "eval", (0,), splits.read(folder / "folds/folds.csv"), 3)
    monkeypatch.setattr(examples, "LONG_SIDE", 10)
    best, _ = examples.best_and_worst(fold, "test", data, 1, {})
    assert shown(best[0].pictures[1]).shape == (8, 10, 3)
