"""The numbers of single classes, against counts made by hand."""

from pathlib import Path

import numpy as np

from segpipe.dataset import pack
from segpipe.report import class_tables
from segpipe.report.class_tables import Cell, Mistake
from tests.report.projects import finished


def test_scores_stand_beside_the_share_of_pixels() -> None:
    found = class_tables.scores(np.array([[6, 2, 0], [0, 8, 0], [0, 0, 0]]))
    assert [row["pixels"] for row in found] == [0.5, 0.5, 0.0]
    assert [row["recall"] for row in found] == [0.75, 1.0, None]


def test_a_cell_is_the_share_of_its_true_class() -> None:
    assert class_tables.matrix(np.array([[6, 2], [0, 0]])) == {
        0: [Cell(0, 6, 0.75), Cell(1, 2, 0.25)],
        1: [Cell(0, 0, None), Cell(1, 0, None)],
    }


def test_a_large_matrix_shows_the_classes_with_the_most_pixels_in_order_of_id() -> None:
    found = class_tables.matrix(np.diag(np.arange(70)))
    assert list(found) == [cell.predicted for cell in found[6]] == list(range(6, 70))


def test_the_largest_mistakes_come_first_with_their_share_of_the_true_class() -> None:
    counts = np.diag([90, 8, 5, 0, 7])
    counts[0, 1], counts[1, 2], counts[2, 0] = 10, 2, 10
    found = class_tables.mistakes(counts)
    assert found == [Mistake(0, 1, 10, 0.1), Mistake(2, 0, 10, 10 / 15), Mistake(1, 2, 2, 0.2)]
    assert class_tables.mistakes(counts[:4, :4]) == []
    assert len(class_tables.mistakes(np.ones((5, 5), np.int64))) == 10


def test_balance_is_of_each_part_that_has_images(tmp_path: Path) -> None:
    folder = finished(tmp_path) / "data/prepared"
    index, info = pack.read_index(folder), pack.read_info(folder)
    found = class_tables.balance(index, info, {"training": ["image00", "image01"], "validation": [], "test": ["image02"]})
    assert found == {
        "Training images": [2, 1, 1],
        "Test images": [1, 1, 0],
        "Training pixels": [(640 - 24 - 32) / 640, 24 / 640, 32 / 640],
        "Test pixels": [(320 - 40) / 320, 40 / 320, 0.0],
    }
