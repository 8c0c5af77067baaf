"""Stage export as it is run: what it writes and prints, the same bytes, the script beside it, and nothing where it is refused."""

import importlib.util
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from segpipe import evaluation, gate, paths
from segpipe import export as onnx_export
from segpipe.dataset.split import folds
from segpipe.errors import PipelineError
from segpipe.models import model_file
from segpipe.params import edit
from segpipe.report import intervals, numbers
from segpipe.reproducibility.fingerprint import data_hash
from segpipe.scores.counts import class_scores
from segpipe.scores.intervals import format_score
from segpipe.storage.files import sha256_of
from segpipe.tracking import mlflow_runs
from segpipe.workflows import export_card
from segpipe.workflows.predict import predict
from stages import evaluate, export
from tests import plain_params
from tests.dataset.packs import made, noise
from tests.inference.cards import sealed, small
from tests.structure.imports import ROOT

WRITTEN = ("README.md", "gate.json", "model.onnx", "model.safetensors", "predict.py")


class Tracker:
    """What MLflow would be told."""

    told: dict[str, float] = {}  # noqa: RUF012 (one for all)

    def metrics(self, values: dict[str, float]) -> None:
        self.told.update(values)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which a model of random weights was evaluated; the current folder, where nothing is tracked."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "runtime.lock", folder)
    text, _ = edit.edited(plain_params.TEXT, {"export.n_images": 3, "runtime.workers": 0, "runtime.device": "cpu"})
    (folder / "params.yaml").write_text(text)
    segmenter, card = small()
    images = {
        f"Maier {name}": (noise(number, 24, 30 + number), (noise(number, 24, 30 + number)[:, :, 0] % 3))
        for number, name in enumerate("abcdefg")
    }
    made(folder / "data", images, card.classes)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(mlflow_runs, "reopen", lambda experiment, fingerprint: Tracker())
        parts = {name: "test" if number > 2 else str(number % 2) for number, name in enumerate(images)}
        # Two of the four test images belong together.
        folds.write(paths.FOLDS, parts, dict.fromkeys(("Maier d", "Maier e"), "Maier d"))
        params = {
            "threads": 1,
            "seed": 42,
            "optim": {"name": "adamw", "lr": 0.01},
            "loss": {"name": "dice_ce"},
            "train": {"batch_size": 4},
        }
        training = {
            "data": data_hash(paths.PREPARED),
            "folds": sha256_of(paths.FOLDS),
            "params": params,
            "epochs": 5,
            "code": "c0de",
        }
        model_file.save(paths.model_file(0), segmenter, replace(card, training=training))
        paths.history_file(0).write_text("epoch\n0\n")
        evaluate.main(0)
        yield folder


@pytest.fixture(scope="module")
def exported(project: Path) -> bytes:
    """The exported model's bytes, made once."""
    return onnx_export.to_onnx(*model_file.load(paths.model_file(0)))


@pytest.fixture
def quick(exported: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """No second export of the same model: it takes seconds."""
    monkeypatch.setattr(onnx_export, "to_onnx", lambda segmenter, card: exported)
    shutil.rmtree(paths.EXPORT, ignore_errors=True)


def test_all_of_it_twice(quick: None, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export.main()
    said = capsys.readouterr().out
    first = {path.name: path.read_bytes() for path in sorted(paths.EXPORT.iterdir())}
    assert tuple(first) == WRITTEN
    # Three of the four test images, evenly taken, in every form.
    passed = gate.read(paths.GATE)
    assert (passed.gate.part, passed.gate.images, passed.gate.of) == ("test", 3, 4)
    assert [form.images for form in passed.gate.forms] == [3] * 6
    assert passed.limits == {"tolerance": 0.001, "changed_pixels": 0.0001, "score_tolerance": 0.0001}
    assert passed.gate.scores["dice"][0] == pytest.approx(passed.gate.scores["dice"][1], abs=1e-4)
    assert "ONNX against torch  images  logits differ by  pixels change\nas predicted             3 " in said
    assert "on 3 of 4 test images" in said and "; torch " in said and "(median of 9, 1 thread)" in said
    assert said.splitlines()[-2] == "result: models/export/model.onnx and models/export/README.md"
    assert set(Tracker.told) >= {"export.onnx_ms", "export.torch_ms", "export.onnx_images_per_s", "export.torch_images_per_s"}
    for name, content in first.items():
        assert b"Maier" not in content and str(project).encode() not in content, name
        assert not any(word in content for word in (b"_ms", b"images/s")), name
    export.main()
    assert {path.name: path.read_bytes() for path in sorted(paths.EXPORT.iterdir())} == first


def test_the_card_has_the_scores_that_evaluate_found(quick: None, project: Path, exported: bytes) -> None:
    export.main()
    text = paths.MODEL_CARD.read_text()
    assert text.startswith("---\nlibrary_name: onnx\n")
    assert "# Segmentation: class 1, class 2" in text
    rows = [line for line in (paths.eval_folder(0) / "counts.csv").read_text().splitlines() if line.startswith("test,")]
    counts = np.zeros((3, 3), int)
    for row in rows:
        true, seen, pixels = map(int, row.split(",")[1:])
        counts[true, seen] = pixels
    dice = [2 * counts[n, n] / (counts[n].sum() + counts[:, n].sum()) for n in range(3)]
    (row,) = [line for line in text.splitlines() if line.startswith("| 1 | class 1 | `#800000` | ")]
    assert float(row.split(" | ")[3].split()[0]) == pytest.approx(dice[1], abs=6e-3)
    (row,) = [line for line in text.splitlines() if line.startswith("| dice | ")]
    assert float(row.split(" | ")[1].split()[0]) == pytest.approx((dice[1] + dice[2]) / 2, abs=6e-3)
    # With the intervals that the report shows.
    results = evaluation.read(paths.EVAL, [0], folds.read(paths.FOLDS), 3)
    bounds = intervals.of_scores(results, folds.read_groups(paths.FOLDS), True)["test"]
    assert (bounds["dice"].n_units, bounds["dice"].unit) == (3, "groups")
    assert "Images of a group lie on one side of the split." in text
    found = numbers.of_fold(results[0], "test", True)
    for name in ("miou", "dice_per_image", "recall"):
        assert f"| {name} | {format_score(found[name], bounds[name])} |" in text
    iou = intervals.of_classes(results, "test", folds.read_groups(paths.FOLDS))["iou"][2]
    assert f" | {format_score(class_scores(counts)['iou'][2], iou)} |" in text
    assert sha256_of(paths.ONNX) in text and "f" * 64 in text and data_hash(paths.PREPARED) in text
    assert "7 images: 1 to train on, 2 of validation, 4 of the test part." in text
    assert "30 to 36 pixels wide, 24 high, RGB 8-bit." in text
    assert "unet, loss dice_ce, adamw at a rate of 0.01, 5 epochs of batches of 4; seed 42." in text


def test_the_card_says_how_large_the_network_sees_images() -> None:
    _, card = small()
    larger = replace(card, model=card.model.model_copy(update={"input_scale": 2}))
    assert "sees images 2 times as large" in " ".join(export_card._training(larger))
    assert "times as large" not in " ".join(export_card._training(card))


def test_the_card_says_over_what_the_mean_is_and_what_of_it_the_file_leaves_out() -> None:
    _, card = small()
    averaged = replace(card, infer=card.infer.model_copy(update={"flips": "all", "scales": (1.0, 1.5)}))
    assert "the mean over 8 views of an image, itself and flips of it (infer.flips all)" in " ".join(
        export_card._training(averaged)
    )
    assert "views" not in " ".join(export_card._training(card))
    (sizes,) = export_card._beyond_labels(averaged)
    assert sizes.startswith("The outputs are those of an image at its own size")
    mended = replace(card, decision=replace(card.decision, rule="dice"))
    (pixels,) = export_card._beyond_labels(mended)
    assert pixels.endswith(
        "expected Dice and post-processing are left to `segpipe predict` and `segpipe.load`, and the scores are with them."
    )
    assert export_card._beyond_labels(card) == []


def test_the_card_says_how_many_steps_an_epoch_had() -> None:
    _, card = small()
    card.training["params"] = {"train": {"batch_size": 4, "steps_per_epoch": 9}}
    assert "epochs of 9 batches of 4; seed" in export_card._training(card)[0]


def test_the_script_beside_it_gives_the_ids_of_predict(quick: None, project: Path, tmp_path: Path) -> None:
    export.main()
    for number, size in enumerate(((24, 32), (61, 47))):
        Image.fromarray(noise(90 + number, *size)).save(tmp_path / f"{number}.png")
    predict([tmp_path / "0.png", tmp_path / "1.png"], [], False, tmp_path / "out", ["masks"], "cpu")
    spec = importlib.util.spec_from_file_location("deployed", paths.DEPLOYED)
    assert spec and spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    for name in ("0.png", "1.png"):
        script.main(str(tmp_path / name), str(tmp_path / "mask.png"))
        masks = [np.asarray(Image.open(tmp_path / each)) for each in ("mask.png", f"out/masks/{name}")]
        assert np.array_equal(*masks) and len(np.unique(masks[0])) == 3


def test_a_model_that_is_not_what_torch_computes_is_not_written(
    quick: None, project: Path, exported: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = onnx.load_model_from_string(exported)
    (mean,) = [each for each in model.graph.initializer if each.name.endswith(".mean")]
    mean.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(mean) + np.float32(0.1), mean.name))
    monkeypatch.setattr(onnx_export, "to_onnx", lambda segmenter, card: sealed(model))
    with pytest.raises(PipelineError, match=r"is not what torch computes, on 3 test images.*\n- as predicted: a logit differs"):
        export.main()
    assert not paths.EXPORT.exists()


def test_scores_of_another_training_are_no_scores_of_this_model(
    quick: None, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = paths.eval_folder(0) / "run.json"
    before = run.read_text()
    run.write_text(json.dumps(json.loads(before) | {"fingerprint": "other"}))
    with pytest.raises(PipelineError, match=r"has the scores of another training than models/fold0\. Run `dvc repro evaluate@0`"):
        export.main()
    run.write_text(before)
    assert not paths.EXPORT.exists()
