"""Tuning: what scores best on validation images is chosen, and what was tried is told with the score it really has."""

import numpy as np
import pytest
import torch
from torch import Tensor

from segpipe.dataset.loader import WholeImage
from segpipe.decided import Chosen
from segpipe.inference import tuning
from segpipe.inference.predict import predict_classes, predict_ids
from segpipe.inference.tuning import choose
from segpipe.params.decision import ARGMAX, Decision, Step
from segpipe.params.schema import DecisionParams, InferParams
from segpipe.scores.counts import confusion, image_dice, mean, scores

WHOLE = InferParams(max_pixels=10**6, tile=64, overlap=0.25, flips="none", scales=(1.0,))
CPU = torch.device("cpu")
OPEN = DecisionParams(rule="auto", threshold=0.5, postprocess=(), keep="all", score="dice")


def timid(image: Tensor) -> Tensor:
    """One logit that is above 0 for values above 0.9, though objects begin at 0.5."""
    return (image[:, :1] - 0.9) * 10


def images(n: int = 3) -> list[WholeImage]:
    """Random values, of which those above a half are the object; a stripe is ignored."""
    random = np.random.default_rng(5)
    found = []
    for number in range(n):
        pixels = random.integers(0, 256, (20 + number, 16, 1), np.uint8)
        mask = (pixels[:, :, 0] > 127).astype(np.uint8)
        mask[number] = 255
        found.append(WholeImage(f"image{number}", pixels, mask))
    return found


def model(forward: object = timid, classes: tuple[str, ...] = ("background", "object"), background: bool = True) -> tuning.Model:
    return tuning.Model(forward, WHOLE, 0, CPU, classes, background)  # type: ignore[arg-type]


def score_of(decision: Decision, name: str, found: tuning.Model) -> float | None:
    """As evaluate would score it, image after image."""
    counts = [
        confusion(
            each.mask,
            predict_classes(found.forward, each.image, WHOLE, 0, CPU, each.id, decision).classes,
            len(found.classes),
        )
        for each in images()
    ]
    per_image = mean(image_dice(each, found.has_background) for each in counts)
    return per_image if name == "dice_per_image" else scores(counts, found.has_background)[name]


@pytest.mark.parametrize("score", ["dice", "miou", "dice_per_image"])
def test_a_timid_model_gets_a_lower_threshold(score: str) -> None:
    params = OPEN.model_copy(update={"score": score})
    chosen = choose(params, model(), lambda _: images(), {})
    # exp(-4) / (1 + exp(-4)) is 0.018: the nearest of the grid is 0.02.
    assert chosen.decision == Decision("threshold", 0.02)
    assert {each.what for each in chosen.candidates} == {"argmax", "threshold 0.02", "dice"}
    assert [each.used for each in chosen.candidates] == [False, True, False]
    for each, decision in zip(chosen.candidates, (ARGMAX, chosen.decision, Decision("dice")), strict=True):
        assert each.score == pytest.approx(score_of(decision, score, model()), abs=1e-12)
    assert (chosen.score, chosen.images) == (score, 3)


def test_argmax_stays_where_nothing_is_better() -> None:
    def right(image: Tensor) -> Tensor:
        return (image[:, :1] - 0.5) * 100

    chosen = choose(OPEN, model(right), lambda _: images(), {})
    assert chosen.decision == ARGMAX
    assert chosen.candidates[0].score == 1


def test_nothing_is_read_where_params_say_all() -> None:
    def refuse(_: str) -> list[WholeImage]:
        raise AssertionError("no image need be read")

    params = OPEN.model_copy(update={"rule": "threshold", "threshold": 0.3, "postprocess": ("fill_holes", "remove_small 9")})
    steps = (Step("fill_holes", 0, (1,)), Step("remove_small", 9, (1,)))
    assert choose(params, model(), refuse, {}) == Chosen(Decision("threshold", 0.3, steps))


def test_steps_are_kept_for_the_classes_that_they_help() -> None:
    """Class 1 is predicted with specks that the truth has not, class 2 with specks that it has."""
    truth = np.zeros((24, 24), np.uint8)
    truth[2:8, 2:8] = 1
    truth[12:20, 12:20] = 2
    truth[22, 2] = 2
    seen = truth.copy()
    seen[22, 20] = 1
    logits = torch.from_numpy(np.eye(3, dtype=np.float32)[seen].transpose(2, 0, 1)[None]) * 20
    three = [WholeImage(name, np.zeros((24, 24, 1), np.uint8), truth) for name in "abc"]
    params = OPEN.model_copy(update={"rule": "argmax", "keep": "helpful", "postprocess": ("remove_small 4", "open 3")})
    found = model(lambda _: logits, ("background", "one", "two"))
    chosen = choose(params, found, lambda _: three, {})
    assert chosen.decision.steps == (Step("remove_small", 4, (1,)),)
    assert [(each.what, each.used) for each in chosen.candidates] == [
        ("without remove_small 4", False),
        ("remove_small 4: one", True),
        ("remove_small 4: two", False),
        ("without open 3", True),
        ("open 3: one", False),
        ("open 3: two", False),
    ]
    assert predict_classes(found.forward, three[0].image, WHOLE, 0, CPU, "a", chosen.decision).classes[22, 20] == 0


def test_a_gain_of_one_image_among_many_is_chance() -> None:
    """A speck is wrong in one image of ten."""
    truth = np.zeros((24, 24), np.uint8)
    truth[2:12, 2:12] = 1
    wrong = truth.copy()
    wrong[22, 20] = 1
    logits = [
        torch.from_numpy(np.eye(2, dtype=np.float32)[each].transpose(2, 0, 1)[None, 1:]) * 20 - 10 for each in (truth, wrong)
    ]
    images = [WholeImage(str(n), np.full((24, 24, 1), 255 * (n == 0), np.uint8), truth) for n in range(10)]
    found = model(lambda image: logits[int(image.max())])
    params = OPEN.model_copy(update={"rule": "argmax", "keep": "helpful", "postprocess": ("remove_small 4",)})
    chosen = choose(params, found, lambda _: images, {})
    without, step = chosen.candidates
    assert step.score is not None and without.score is not None and step.error is not None
    assert step.error < step.score - without.score < 2 * step.error
    assert not step.used and not chosen.decision.steps


def test_frames_of_one_film_are_one_image() -> None:
    params, found = OPEN.model_copy(update={"score": "dice"}), model()
    assert choose(params, found, lambda _: images(), {}).decision.rule == "threshold"
    assert choose(params, found, lambda _: images(), {f"image{n}": "film" for n in range(3)}).decision == ARGMAX
    two = choose(params, found, lambda _: images(), {"image0": "film", "image1": "film"})
    assert two.decision.rule == "threshold" and two.images == 3


def test_images_in_tiles_are_decided_as_whole_ones() -> None:

    image = np.random.default_rng(3).integers(0, 256, (70, 90, 1), np.uint8)
    tiled = WHOLE.model_copy(update={"max_pixels": 4096})
    for decision in (Decision("dice"), Decision("threshold", 0.2), Decision(steps=(Step("remove_small", 5, (1,)),))):
        whole = predict_classes(timid, image, tiled, 0, CPU, "a", decision).classes
        assert np.array_equal(predict_ids(timid, image, tiled, 0, CPU, "a", decision), whole)
