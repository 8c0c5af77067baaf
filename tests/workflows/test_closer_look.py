"""A closer look at a fold's images: by the model's own rules, over the snapshots that its training kept."""

from pathlib import Path

import numpy as np
import pytest
import torch

from segpipe import paths
from segpipe.dataset.loader import WholeImages, whole_image_loader
from segpipe.inference import scoring
from segpipe.inference.attention import predict_attention
from segpipe.inference.confidence_maps import ConfidenceMaps
from segpipe.inference.predict import predict_ids
from segpipe.models import model_file
from segpipe.params.decision import ARGMAX
from segpipe.scores.counts import scores
from segpipe.scores.details import DetailCounter
from segpipe.workflows import closer_look
from tests.dataset.packs import made, noise
from tests.inference.cards import PARAMS, small
from tests.models import suite

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("n", "wanted"), [(0, []), (1, []), (2, [1, 2]), (8, [*range(1, 9)]), (15, [1, 3, 5, 7, 9, 11, 13, 15]), (100, None)]
)
def test_snapshots_are_evenly_spread_and_a_single_one_shows_no_change(n: int, wanted: list[int] | None) -> None:
    found = [epoch for epoch, _ in closer_look._spread([(epoch, Path()) for epoch in range(1, n + 1)])]
    assert found == wanted if wanted is not None else (len(found) == 8 and (found[0], found[-1]) == (1, 100))


def test_each_snapshot_predicts_the_worst_and_the_typical_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    images = {name: (noise(number), noise(number)[:, :, 0] % (3 if name == "b" else 2)) for number, name in enumerate("abcdefg")}
    data = made(tmp_path / "data", images, ("background", "class 1", "class 2"))
    segmenter, card = small()
    folder = paths.snapshots_folder(0)
    model_file.save(folder / "epoch02.safetensors", segmenter, card)
    with torch.no_grad():
        for weight in segmenter.parameters():
            weight.neg_()
    model_file.save(folder / "epoch10.safetensors", segmenter, card)
    noted = ConfidenceMaps(has_background=True)
    noted.dice = dict(zip("abcdefg", (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, None), strict=True))
    noted.maps = dict.fromkeys("abcdef", np.zeros((2, 2), np.uint8))
    found, told = closer_look.look_closer(segmenter, noted, data, 0, PARAMS.infer, 0, CPU, ARGMAX)
    # The two worst, the two in the middle, and the one with the most classes.
    assert list(found.epochs) == ["f", "e", "d", "c", "b"]
    assert all(list(each) == [2, 10] for each in found.epochs.values())
    last = predict_ids(segmenter, images["f"][0], PARAMS.infer, 0, CPU, "f")
    assert np.array_equal(found.epochs["f"][10], last) and not np.array_equal(found.epochs["f"][2], last)
    assert set(found.confidence) == set("abcdef") and found.attention == {}
    # Scored as evaluate scores all images.
    assert [(each.epoch, each.images) for each in told] == [(2, 7), (10, 7)] and told[0].map != told[1].map
    counter = DetailCounter(3, True, 2.0)
    counts = []
    for each in scoring.score_images(
        segmenter, whole_image_loader(WholeImages(data, [*images]), 0), 3, lambda *_: {}, PARAMS.infer, 0, CPU, True
    ):
        assert each.levels is not None
        counter.add(each.mask, each.prediction, each.levels)
        counts.append(each.counts)
    whole = scores(counts, True)
    last_scores = told[1]
    assert (last_scores.miou, last_scores.dice) == (whole["miou"], whole["dice"])
    assert last_scores.map == counter.details().scores(True)["map"]


def test_of_many_images_some_are_scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(closer_look, "SCORED", 3)
    data = made(tmp_path / "data", {name: (noise(number), noise(number)[:, :, 0] % 2) for number, name in enumerate("abcdef")})
    segmenter, card = small(2)
    for epoch in (1, 2):
        model_file.save(paths.snapshots_folder(0) / f"epoch{epoch}.safetensors", segmenter, card)
    noted = ConfidenceMaps(has_background=True)
    noted.dice, noted.maps = dict.fromkeys("abcdef", 0.5), dict.fromkeys("abcdef", np.zeros((2, 2), np.uint8))
    found, told = closer_look.look_closer(segmenter, noted, data, 0, PARAMS.infer, 0, CPU, ARGMAX)
    assert [each.images for each in told] == [3, 3] and len(found.epochs) > 3


def test_attention_is_looked_at_where_there_is_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = made(tmp_path / "data", {name: (noise(1), noise(1)[:, :, 0] % 2) for name in "ab"})
    noted = ConfidenceMaps(has_background=True)
    noted.dice, noted.maps = {"a": 0.5, "b": 0.25}, dict.fromkeys("ab", np.zeros((24, 32), np.uint8))
    segmenter = suite.small("attention_unet").eval()
    found, told = closer_look.look_closer(segmenter, noted, data, 0, PARAMS.infer, 0, CPU, ARGMAX)
    assert told == []
    assert {item: list(levels) for item, levels in found.attention.items()} == {"b": [2, 4], "a": [2, 4]}
    wanted = dict(predict_attention(segmenter, data.image("a"), PARAMS.infer, 0, CPU))
    for stride, values in found.attention["a"].items():
        np.testing.assert_allclose(values / 65535, wanted[stride], atol=1 / 65535)
    assert found.epochs == {"b": {}, "a": {}}
