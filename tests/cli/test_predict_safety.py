"""segpipe predict puts nothing in danger: it replaces what it wrote itself and nothing else, and says what it leaves out."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from segpipe.cli import predict as command
from segpipe.errors import PipelineError
from segpipe.inference import written
from segpipe.models import model_file
from segpipe.training import device
from segpipe.workflows import predict as workflow
from tests.cli.in_process import segpipe
from tests.dataset.packs import made, noise
from tests.inference.cards import small

MODEL = Path("model.safetensors")
Refused = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set of three images with their truth, beside a model; commands run here."""
    monkeypatch.chdir(tmp_path)
    model_file.save(MODEL, *small())
    for number in range(3):
        picture(tmp_path / f"ds/images/a{number}.png", number)
        picture(tmp_path / f"ds/masks/a{number}.png", number + 9)
    return tmp_path


def picture(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(seed)).save(path)
    return path


def predict(*inputs: str, out: str = "predictions", model: Path = MODEL) -> None:
    command.predict([Path(each) for each in inputs], [model], False, Path(out), [], "cpu")


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refused(*inputs: str, out: str = "predictions") -> list[str]:
    """The lines of the refusal, after which all is as it was."""
    before = content(Path())
    with pytest.raises(PipelineError) as caught:
        predict(*inputs, out=out)
    assert content(Path()) == before
    *lines, last = str(caught.value).splitlines()
    assert last == "Nothing was predicted."
    return lines


@pytest.mark.parametrize(
    ("inputs", "out", "lines"),
    [
        (
            "ds/images",
            "ds",
            [
                "--out: ds is where the images themselves lie: ds/images/a0.png, ds/images/a1.png, ds/images/a2.png. "
                "Name a folder that holds none of them.",
                "ds/masks holds what predict did not write: a0.png, a1.png, a2.png. It writes neither over such files nor among "
                "them. Name another folder with --out.",
            ],
        ),
        (
            "ds/masks/a1.png",
            "ds",
            [
                "--out: ds is where the images themselves lie: ds/masks/a1.png. Name a folder that holds none of them.",
                "ds/masks holds what predict did not write: a0.png, a1.png, a2.png. It writes neither over such files nor among "
                "them. Name another folder with --out.",
            ],
        ),
        # Images of other names, and not the data set's own: they would lie among its truth all the same.
        (
            "new",
            "ds",
            [
                "ds/masks holds what predict did not write: a0.png, a1.png, a2.png. It writes neither over such files nor among "
                "them. Name another folder with --out.",
            ],
        ),
        (
            "new/b.png",
            "new",
            ["--out: new is where the images themselves lie: new/b.png. Name a folder that holds none of them."],
        ),
        ("new", "new/b.png", ["--out: new/b.png is a file. Name a folder."]),
        (
            "new",
            "old",
            ["old/overlays holds what predict did not write: deep/x.png. It writes neither over such files nor among them. "
             "Name another folder with --out."],
        ),
        ("new", "flat", ["flat/masks holds what predict did not write: masks. It writes neither over such files nor among them. "
                         "Name another folder with --out."]),
    ],
)  # fmt: skip
def test_all_that_would_be_in_danger_is_told_before_anything_is_written(
    inputs: str, out: str, lines: list[str], folder: Path
) -> None:
    picture(folder / "new/b.png")
    picture(folder / "old/overlays/deep/x.png")
    (folder / "flat").mkdir()
    (folder / "flat/masks").write_text("a file of this name")
    assert refused(inputs, out=out) == lines


def test_a_link_leads_to_the_same_truth(folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere/masks").symlink_to(folder / "ds/masks")
    assert refused("ds/images", out="elsewhere")[0].startswith("elsewhere/masks holds what predict did not write: a0.png, ")
    (folder / "link").symlink_to(folder / "ds")
    assert refused("ds/images", out="link")[0].startswith("--out: link is where the images themselves lie: ds/images/a0.png")


def test_what_it_wrote_itself_is_replaced_and_the_list_is_the_same_again(folder: Path) -> None:
    predict("ds/images")
    first = content(folder / "predictions")
    predict("ds/images")
    assert content(folder / "predictions") == first
    lines = first[written.TABLE].decode().splitlines()
    assert lines[0] == "file,sha256,made_from,note"
    notes = [f"trust.csv/a{number}" for number in range(3)]
    assert [line.split(",")[0] for line in lines[1:]] == [*sorted(name for name in first if name != written.TABLE), *notes]


def test_another_model_replaces_all_and_other_images_join_them(folder: Path) -> None:
    predict("ds/images")
    first = content(folder / "predictions")
    model_file.save(Path("other.safetensors"), *small(seed=5))
    predict("ds/images", model=Path("other.safetensors"))
    second = content(folder / "predictions")
    assert all(first[name] != second[name] for name in first)
    predict(picture(folder / "new/b.png").as_posix())
    # The tables are of the images that were named.
    kept = {name: each for name, each in second.items() if name not in (written.TABLE, "trust.csv")}
    third = content(folder / "predictions")
    assert third.items() >= kept.items()
    assert third["trust.csv"].decode().splitlines()[1].startswith("b,")
    predict("ds/images", "new")


@pytest.fixture
def predicted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the images that a model was asked for."""
    real, found = workflow._predict_one, list[str]()
    monkeypatch.setattr(workflow, "_predict_one", lambda item, *others: found.append(item.id) or real(item, *others))
    return found


def test_what_is_there_of_the_same_image_and_model_is_not_predicted_again(
    folder: Path, predicted: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    predict("ds/images")
    whole = content(folder / "predictions")
    predict("ds/images")
    assert predicted == ["a0", "a1", "a2"]
    assert "3 images, 3 of them there already" in capsys.readouterr().out
    assert content(folder / "predictions") == whole
    predicted.clear()
    # One of its two results is gone, another image has changed, and the third only its date.
    (folder / "predictions/overlays/a0.png").unlink()
    picture(folder / "ds/images/a1.png", 55)
    (folder / "ds/images/a2.png").touch()
    predict("ds/images")
    assert predicted == ["a0", "a1"]
    predicted.clear()
    model_file.save(MODEL, *small(seed=5))
    predict("ds/images")
    assert predicted == ["a0", "a1", "a2"]


def test_a_batch_that_broke_off_goes_on_where_it_was(folder: Path, predicted: list[str]) -> None:
    (folder / "ds/images/a1.png").write_bytes(b"no image")
    with pytest.raises(PipelineError, match="1 images were left out; 2 are in predictions"):
        predict("ds/images")
    predicted.clear()
    picture(folder / "ds/images/a1.png", 1)
    predict("ds/images")
    assert predicted == ["a1"]
    whole = content(folder / "predictions")
    predict("ds/images", out="at_once")
    assert content(folder / "at_once") == whole


def test_a_list_of_an_earlier_version_is_read_and_its_files_are_predicted_again(folder: Path, predicted: list[str]) -> None:
    predict("ds/images")
    whole = content(folder / "predictions")
    lines = [line.split(",") for line in whole[written.TABLE].decode().splitlines()]
    for columns in (2, 3):
        old = "".join(f"{','.join(line[:columns])}\n" for line in lines if line[1])
        (folder / "predictions" / written.TABLE).write_text(old)
        predict("ds/images")
    assert len(predicted) == 9
    assert content(folder / "predictions") == whole


def test_a_mask_that_someone_corrected_is_not_replaced(folder: Path) -> None:
    predict("ds/images")
    for name in ("a0", "a2"):
        picture(folder / f"predictions/masks/{name}.png", 77)
    assert refused("ds/images") == [
        "predictions/masks/a0.png, predictions/masks/a2.png: not written by predict, or changed since, and would be replaced. "
        "Move them away, or name another folder with --out."
    ]
    predict("ds/images/a1.png")


def test_a_run_that_was_killed_stands_in_no_ones_way(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the list and the file, or in the midst of a line of the list."""
    real, count = written.write_bytes, []

    def killed(path: Path, content: bytes) -> None:
        count.append(path)
        if len(count) == 4:
            raise KeyboardInterrupt
        real(path, content)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(written, "write_bytes", killed)
        predict("ds/images")
    table = folder / "predictions" / written.TABLE
    table.write_text(table.read_text() + "masks/a2.png,0123")
    predict("ds/images")
    whole = content(folder / "predictions")
    predict("ds/images", out="again")
    assert content(folder / "again") == whole


def test_a_list_that_is_none_is_told(folder: Path) -> None:
    (folder / "predictions").mkdir()
    (folder / "predictions" / written.TABLE).write_text("name,size\na,1\n")
    with pytest.raises(PipelineError, match=r"written_by_predict\.csv: not the table that predict writes \(its columns are name"):
        predict("ds/images")


def test_a_list_that_cannot_be_written_is_told_as_what_it_is(folder: Path) -> None:
    table = written.read(folder / "predictions")
    table.begin()
    (folder / "predictions" / written.TABLE).unlink()
    (folder / "predictions" / written.TABLE).mkdir()
    with pytest.raises(PipelineError, match=r"written_by_predict\.csv: could not be written \(Is a directory\)"):
        table.write("masks/a.png", b"content")
    assert not (folder / "predictions/masks").exists()


def test_its_own_pictures_are_no_images(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the output inside the input, under whatever name it was written before, and changed or not."""
    predict("ds/images", out="earlier")
    picture(folder / "earlier/masks/a0.png", 77)
    assert "left out" not in capsys.readouterr().out
    for _ in range(2):
        predict(".", out="predictions")
        assert {name.split("/")[1] for name in content(folder / "predictions") if "/" in name} == {"ds"}
    said = capsys.readouterr().out
    assert "left out: 6 pictures that predict wrote itself, as written_by_predict.csv beside them says" in said
    assert "left out: 18 pictures that predict wrote itself" in said
    with pytest.raises(PipelineError, match="no images in earlier/masks but those that predict wrote itself"):
        predict("earlier/masks", out="x")


def test_kinds_that_are_not_read_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture(folder / "mixed/a.png")
    for name in ("scan.dcm", "deep/other.DCM", "film.mp4", "notes.txt", ".hidden.gif"):
        (folder / "mixed" / name).parent.mkdir(exist_ok=True)
        (folder / "mixed" / name).write_bytes(b"x")
    predict("mixed")
    assert capsys.readouterr().err.splitlines() == [
        "warning: 2 files: a DICOM file. It is left out. Export it as PNG, 8 or 16 bits; DICOM is not read.",
        "warning:   mixed/deep/other.DCM, mixed/scan.dcm",
        "warning: mixed/film.mp4: a video. It is left out. Export frames of it as PNG; videos are not read.",
    ]
    (folder / "mixed/a.png").unlink()
    with pytest.raises(PipelineError, match=r"no images in mixed\. Name image files"):
        predict("mixed", out="none")
    assert "a DICOM file. It is left out." in capsys.readouterr().err


def test_all_that_is_not_there_and_all_names_that_meet_are_told_at_once(folder: Path) -> None:
    with pytest.raises(PipelineError) as caught:
        predict("none", "ds/images", "gone.png")
    assert str(caught.value).splitlines() == ["none: no such file or folder.", "gone.png: no such file or folder."]
    lines = refused("ds/images", "ds/masks")
    assert lines == [
        f"ds/images/a{number}.png and ds/masks/a{number}.png would both be written as a{number}.png. Predict them apart."
        for number in range(3)
    ]


def test_kinds_of_images_are_told_in_words_and_the_rest_is_written(folder: Path) -> None:
    (folder / "mixed").mkdir()
    Image.fromarray(noise(0)[:, :, 0].astype(np.uint16) * 200).save(folder / "mixed/deep.png")
    picture(folder / "mixed/good.png")
    with pytest.raises(PipelineError) as caught:
        predict("mixed")
    assert str(caught.value).splitlines() == [
        "mixed/deep.png: an image that is gray 16-bit, but the model knows RGB 8-bit ones. "
        "Save it as RGB 8-bit, as the training images are.",
        "1 images were left out; 1 are in predictions.",
    ]
    model_file.save(Path("gray.safetensors"), *small(channels=1, bits=16))
    with pytest.raises(PipelineError, match=r"an image that is RGB 8-bit, but the model knows gray 16-bit ones\. Save"):
        predict("mixed/good.png", model=Path("gray.safetensors"), out="other")


def test_an_image_on_which_the_model_gives_no_number_is_told(folder: Path) -> None:
    segmenter, card = small()
    with torch.no_grad():
        segmenter.network.head.weight.fill_(3e38)
        segmenter.network.head.bias.fill_(3e38)
    model_file.save(MODEL, segmenter, card)
    with pytest.raises(PipelineError, match=r"ds/images/a0\.png: the model's logits for it are not finite numbers") as caught:
        predict("ds/images")
    assert str(caught.value).endswith("3 images were left out; 0 are in predictions.")


def project(folder: Path, classes: tuple[str, ...]) -> Path:
    """data/prepared of these classes, where a model is run."""
    made(folder / "data", {"a": (noise(0), noise(0)[:, :, 0] % len(classes))}, classes)
    return folder


def test_in_another_data_sets_project_a_model_is_refused_before_anything_is_written(folder: Path) -> None:
    project(folder, ("background", "cat"))
    with pytest.raises(PipelineError) as caught:
        predict("ds/images")
    assert str(caught.value) == (
        "model.safetensors is not a model of this project's data (data/prepared): the classes background, class 1, class 2 "
        "there, background, cat here. Run `dvc repro export` for one that is, or run this in another folder, where there is no "
        "such data."
    )
    assert not (folder / "predictions").exists()


def test_in_its_own_project_a_model_of_older_data_is_a_warning(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project(folder, small()[1].classes)
    predict("ds/images")
    assert capsys.readouterr().err == ""
    segmenter, card = small()
    model_file.save(MODEL, segmenter, replace(card, training=card.training | {"data": "0" * 64}))
    predict("ds/images")
    assert (
        "warning: model.safetensors was trained before data/prepared changed; `dvc repro` trains it again"
        in capsys.readouterr().err
    )


def test_an_unknown_device_is_refused(folder: Path) -> None:
    ran = segpipe(folder, "predict", "ds/images", "--model", str(MODEL), "--device", "banana")
    assert ran.returncode == 2
    assert "Invalid value for '--device'" in ran.stderr
    assert "banana" in ran.stderr
    assert not (folder / "predictions").exists()
    for wish in ("banana", "CPU", ""):
        with pytest.raises(PipelineError, match=f"there is no device {wish}. Write auto, cpu or cuda"):
            device.select_device(wish)


def test_an_onnx_model_on_a_gpu_is_refused(folder: Path) -> None:
    with pytest.raises(
        PipelineError, match=r"--device cuda: model\.onnx is an ONNX model, which runs on the CPU\. Leave --device out"
    ):
        command.predict([Path("ds/images")], [Path("model.onnx")], False, Path("predictions"), [], "cuda")
