"""Stage evaluate: the decision that it chooses is that of its scores, of both exported models, and of predict."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from segpipe import decided, paths
from segpipe.dataset import pack
from segpipe.dataset.split import folds
from segpipe.errors import PipelineError
from segpipe.models.segmenter import Segmenter
from segpipe.params import edit
from segpipe.params.decision import Decision, Step
from segpipe.reproducibility.fingerprint import data_hash
from segpipe.storage.files import sha256_of
from segpipe.tracking import mlflow_runs
from segpipe.workflows import own_model
from segpipe.workflows.predict import predict
from stages import evaluate, export
from tests import plain_params
from tests.dataset.packs import made, noise
from tests.inference.cards import small
from tests.structure.imports import ROOT

SETTINGS = {"runtime.workers": 0, "runtime.device": "cpu", "export.n_images": 2}


class Silent:
    """In MLflow's place."""

    def metrics(self, values: dict[str, float]) -> None:
        """Told nobody."""


def timid() -> Segmenter:
    """One logit that is above 0 for values above 0.9; of the truth they are above a half."""
    return Segmenter(torch.nn.Identity(), 1, [0.9], [0.1])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Gray images whose object is what is bright, and a model that is too timid for it."""
    shutil.copy(ROOT / "runtime.lock", tmp_path)
    pictures = {f"image{number}": noise(number, 24, 30, 1) for number in range(8)}
    classes = ("background", "bright")
    images = {name: (each, (each[:, :, 0] > 127).astype(np.uint8)) for name, each in pictures.items()}
    made(tmp_path / "data", images, classes)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mlflow_runs, "reopen", lambda experiment, fingerprint: Silent())
    folds.write(paths.FOLDS, {name: "test" if number > 5 else str(number % 2) for number, name in enumerate(images)})
    _, card = small(2, 1)
    params = {"threads": 1, "seed": 42, "optim": {}, "loss": {}, "train": {}}
    training = {"data": data_hash(paths.PREPARED), "folds": sha256_of(paths.FOLDS), "params": params, "epochs": 5, "code": "c0de"}
    card = replace(card, classes=classes, training=training)
    paths.model_folder(0).mkdir(parents=True)
    paths.history_file(0).write_text("epoch\n0\n")
    paths.model_file(0).write_bytes(b"a model")
    # A model without a layer is none that a file could hold.
    monkeypatch.setattr(own_model.model_file, "load", lambda path: (timid(), card))
    yield tmp_path


def ask(folder: Path, **decision: object) -> None:
    changes = SETTINGS | {f"decision.{name}": value for name, value in decision.items()}
    (folder / "params.yaml").write_text(edit.edited(plain_params.TEXT, changes)[0])


def test_what_validation_images_choose_goes_into_scores_and_models(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(project, rule="auto", score="miou")
    evaluate.main(0)
    chosen = decided.read(paths.eval_folder(0), 0)
    # A value of a half is a logit of -4, and that a probability of 0.018.
    assert chosen.decision == Decision("threshold", 0.02)
    assert (
        "decision: bright where its probability is above 0.02; chosen by miou on 3 validation images" in capsys.readouterr().out
    )
    counts = (paths.eval_folder(0) / "counts.csv").read_text().splitlines()
    seen = {tuple(row.split(",")[:3]): int(row.split(",")[3]) for row in counts[1:]}
    # exp(-3.89) is where the threshold lies: 0.511 of the range, so that nearly all is right, where argmax would miss most.
    assert seen["test", "1", "1"] > 20 * seen["test", "1", "0"] and seen["test", "0", "1"] == 0

    export.main()
    text = paths.MODEL_CARD.read_text()
    assert "Decision: bright where its probability is above 0.02; chosen by miou on 3 validation images." in text
    session = onnxruntime.InferenceSession(paths.ONNX)
    card = json.loads(session.get_modelmeta().custom_metadata_map["segpipe"])
    assert card["decision"] == {"rule": "threshold", "threshold": 0.02, "steps": [], "has_background": True}
    image = noise(99, 24, 30, 1)
    (labels,) = session.run(["labels"], {"image": image.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)})
    assert np.array_equal(labels[0], (image[:, :, 0] / 255 > 0.9 + 0.1 * np.log(0.02 / 0.98)).astype(np.uint8))
    Image.fromarray(image[:, :, 0]).save("a.png")
    predict([Path("a.png")], [], False, Path("out"), ["masks"], "cpu")
    assert np.array_equal(np.asarray(Image.open("out/masks/a.png")), labels[0])


def test_what_params_say_is_taken_and_nothing_is_tried(project: Path) -> None:
    ask(project, rule="threshold", threshold=0.25, postprocess=["remove_small 2"])
    evaluate.main(0)
    chosen = decided.read(paths.eval_folder(0), 0)
    assert chosen == decided.Chosen(Decision("threshold", 0.25, (Step("remove_small", 2, (1,)),)))


def test_millimetres_need_images_that_say_how_large_a_pixel_is(project: Path) -> None:
    ask(project)
    text, _ = edit.edited(plain_params.TEXT, SETTINGS | {"scores.unit": "millimetres", "scores.tolerance": 0.05})
    Path("params.yaml").write_text(text)
    with pytest.raises(
        PipelineError, match=r"5 images do not say how large a pixel is \(image0, image2, image4, image6, image7\)"
    ):
        evaluate.main(0)
    index = pack.read_index(paths.PREPARED)
    index["spacing_x"], index["spacing_y"] = 20_000, 40_000
    whole = pack.open_pack(paths.PREPARED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pack, "open_pack", lambda folder: replace(whole, index=index))
        evaluate.main(0)
    found = json.loads((paths.eval_folder(0) / "details.json").read_text())
    assert found["test"]["unit"] == "millimetres" and found["test"]["tolerance"] == 0.05
    distance = found["test"]["hd95"][1][0] / found["test"]["hd95"][1][1]
    # Of neighbours, which noise has, and no more than some: one pixel is 0.02 wide and 0.04 high.
    assert 0.02 <= distance < 0.2


def test_a_threshold_is_for_two_classes_and_a_choice_for_images(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(project, rule="auto")
    monkeypatch.setattr(folds, "train_and_validation", lambda parts, fold: ([], []))
    with pytest.raises(PipelineError, match="go by validation images, and there are none"):
        evaluate.main(0)
    segmenter, card = own_model.model_file.load(paths.model_file(0))
    three = replace(card, classes=("background", "one", "two"))
    monkeypatch.setattr(own_model.model_file, "load", lambda path: (segmenter, three))
    monkeypatch.setattr(own_model.origin, "require_same_data", lambda *_: None)
    ask(project, rule="threshold")
    with pytest.raises(PipelineError, match=r"decision\.rule: threshold is for two classes, and here are 3"):
        evaluate.main(0)
