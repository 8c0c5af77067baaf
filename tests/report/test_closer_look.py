"""Pictures of a closer look: colours by hand, and a strip that says what changed."""

from pathlib import Path

import cv2
import numpy as np

from segpipe.dataset import pack
from segpipe.inference.closer_look_file import CloserLook
from segpipe.report import closer_look
from tests.report.projects import finished

BLACK = np.zeros((1, 6, 3), np.uint8)


def test_heat_is_black_where_the_model_is_sure_and_brightest_from_a_half_on() -> None:
    found = closer_look.heat(np.array([[255, 191, 128, 127, 90]], np.uint8)).astype(int).sum(axis=2)[0]
    assert found[0] < 10 and found[0] < found[1] < found[2] and found[3] == found[4] > 550


def test_a_change_is_green_white_or_red_and_background_that_is_right_stays_gray() -> None:
    truth = np.array([[1, 1, 1, 0, 0, 255]], np.uint8)
    now = np.array([[1, 1, 0, 1, 0, 1]], np.uint8)
    before = np.array([[True, False, True, True, True, False]])
    gray, black = 40, [0, 0, 0]

    def mixed(colour: tuple[int, int, int]) -> list[int]:
        return [round(0.25 * gray + 0.75 * value) for value in colour]

    still, gained, lost = mixed((235, 235, 235)), mixed((40, 175, 85)), mixed((230, 40, 40))
    found = closer_look.change(BLACK, truth, before, now, has_background=True)
    assert found.tolist() == [[still, gained, lost, lost, [gray] * 3, black]]
    found = closer_look.change(BLACK, truth, None, now, has_background=True)
    assert found.tolist() == [[gained, gained, [gray] * 3, [gray] * 3, [gray] * 3, black]]
    found = closer_look.change(BLACK, truth, before, now, has_background=False)
    assert found.tolist() == [[still, gained, lost, lost, still, black]]


def test_a_strip_has_the_truth_and_each_epoch_in_order(tmp_path: Path) -> None:
    data = pack.open_pack(finished(tmp_path) / "data/prepared")
    truth = data.mask("image01")
    nothing = np.zeros_like(truth)
    look = CloserLook(
        attention={"image02": dict.fromkeys((4, 2), nothing.astype(np.uint16))},
        epochs={"image01": {11: truth, 10: truth, 9: nothing}, "image00": {1: nothing}},
    )
    worst, middle, best = closer_look.followed(look, {"image00": 0.5, "image01": 0.25, "image02": 0.75}, data)
    assert [each.id for each in (worst, middle, best)] == ["image01", "image00", "image02"]
    assert list(worst.pictures) == ["truth", "epoch 9", "epoch 10", "epoch 11"] and worst.attention is None
    for epoch, green in ((9, False), (10, True), (11, False)):
        drawn = cv2.imdecode(np.frombuffer(worst.pictures[f"epoch {epoch}"], np.uint8), cv2.IMREAD_COLOR_RGB).astype(int)
        gained = drawn[:, :, 1] - drawn[:, :, 0] > 40
        assert (gained == ((truth > 0) & green)).mean() > 0.95
    assert best.pictures == {} and best.attention
