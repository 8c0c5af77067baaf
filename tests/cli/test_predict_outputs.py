"""segpipe predict --write: each kind of output, that it goes on with each, and what can be read back."""

import csv
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

import segpipe
from segpipe.annotations.formats.labelme import source as labelme
from segpipe.cli import predict as command
from segpipe.errors import PipelineError
from segpipe.images.decode import decode_image, decode_mask
from segpipe.inference import labelme_file, probability_planes
from segpipe.models import model_file
from segpipe.workflows import predict as workflow
from tests.annotations.data_params import data_params
from tests.cli.in_process import segpipe as run
from tests.dataset.packs import noise
from tests.images.tiff_files import PLACE, Page, tiff
from tests.inference.cards import small
from tests.inference.test_predict import TILED

MODEL = Path("model.safetensors")
ALL = ["masks", "overlays", "probabilities", "labelme", "areas"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two photos, one of a known scale, and a GeoTIFF; a model whose regions are larger than a pixel; commands run here."""
    monkeypatch.chdir(tmp_path)
    model_file.save(MODEL, *small())
    (tmp_path / "in/deep").mkdir(parents=True)
    for number, name in enumerate(("a", "deep/b")):
        photo = cv2.GaussianBlur(noise(number, 60, 80), (0, 0), 3)
        photo = np.clip((photo.astype(np.float32) - 127) * 6 + 127, 0, 255).astype(np.uint8)
        Image.fromarray(photo).save(tmp_path / f"in/{name}.png", dpi=(2540, 2540) if number else None)
    (tmp_path / "in/geo.tif").write_bytes(tiff(Page(photo[:50], tags=PLACE)))
    return tmp_path


def predict(*kinds: str, inputs: str = "in", models: tuple[Path, ...] = (MODEL,), out: str = "out") -> tuple[str, str]:
    return workflow.predict([Path(inputs)], models, False, Path(out), kinds, "cpu")


def rows(name: str) -> list[dict[str, str]]:
    return [*csv.DictReader(Path(name).read_text().splitlines())]


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_command_writes_what_it_is_asked_for_and_names_the_least_trusted(folder: Path) -> None:
    result = run(folder, "predict", "in", "--model", str(MODEL), "--write", "labelme", "--write", "areas", "--out", "out")
    assert result.returncode == 0, result.stderr
    assert {path.name for path in (folder / "out").iterdir()} == {"labelme", "areas.csv", "trust.csv", "written_by_predict.csv"}
    ranked = [(row["image"], float(row["trust"])) for row in rows("out/trust.csv")]
    assert [score for _, score in ranked] == sorted(score for _, score in ranked)
    said = ", ".join(f"{name} ({score:.2f})" for name, score in ranked)
    assert f"next:   look at out/labelme, first at the least trusted: {said}" in result.stdout
    assert "result: out/labelme, out/areas.csv and out/trust.csv, 3 images" in result.stdout


def test_labelme_files_lead_to_their_images_and_are_read_back_to_the_same_ids(folder: Path) -> None:
    predict("masks", "labelme")
    for name in ("a", "deep/b", "geo"):
        file = folder / f"out/labelme/{name}.json"
        written = json.loads(file.read_text())
        image = file.parent / written["imagePath"]
        assert image.resolve() == next((folder / "in").glob(f"{name}.*"))
        assert (written["imageHeight"], written["imageWidth"]) == decode_image(image.read_bytes(), "image").shape[:2]
        assert {shape["label"] for shape in written["shapes"]} == {"background", "class 1", "class 2"}, "a hole, too"
        # A person puts it beside its image to train on it.
        shutil.copy(file, (folder / f"in/{name}.json"))
    for fill in ("labelme", "exact"):
        how = data_params(folder / "in", "labelme", shapes={"fill": fill})
        found = labelme.source(folder / "in", how, small()[1].classes)
        assert not found.found.problems and len(found.found.items) == 3
        for item in found.found.items:
            mask = next((folder / "out/masks").glob(f"{item.id}.*"))
            ids = decode_mask(mask.read_bytes(), "mask")
            read = found.read(item, ids.shape[1], ids.shape[0])
            assert not read.problems
            assert np.array_equal(read.mask, ids)


def test_probabilities_are_those_of_the_model_and_areas_those_of_the_mask(folder: Path) -> None:
    predict(*ALL)
    model = segpipe.load(MODEL)
    found = model.predict("in/deep/b.png")
    planes = decode_image(Path("out/probabilities/deep/b.tif").read_bytes(), "planes")
    assert np.abs(planes.transpose(2, 0, 1) / 65535 - found.probabilities).max() < 1e-5
    own = [row for row in rows("out/areas.csv") if row["image"] == "deep/b"]
    assert [row["class"] for row in own] == list(model.classes)
    assert [int(row["pixels"]) for row in own] == np.bincount(found.ids.ravel(), minlength=3).tolist()
    # 2540 pixels an inch are 10 micrometres each.
    assert float(own[1]["mm2"]) == pytest.approx(int(own[1]["pixels"]) * 1e-4, rel=1e-5)
    assert float(own[1]["share"]) == pytest.approx(int(own[1]["pixels"]) / found.ids.size, abs=1e-6)
    assert [row["mm2"] for row in rows("out/areas.csv") if row["image"] == "a"] == [""] * 3
    # The GeoTIFF's pixels are 0.5 x 0.25 m.
    place = next(row for row in rows("out/areas.csv") if row["image"] == "geo")
    assert float(place["mm2"]) == pytest.approx(int(place["pixels"]) * 125_000)
    assert {row["image"]: float(row["trust"]) for row in rows("out/trust.csv")}["deep/b"] == round(found.trust, 4)


def test_the_mask_of_a_geotiff_is_one_and_its_overlay_a_picture(folder: Path) -> None:
    predict()
    names = [f"{kind}/{name}" for kind in ("masks", "overlays") for name in ("a.png", "deep/b.png", "geo.png")]
    tables = ["trust.csv", "written_by_predict.csv"]
    assert sorted(content(folder / "out")) == [*(name.replace("masks/geo.png", "masks/geo.tif") for name in names), *tables]
    with Image.open("out/masks/geo.tif") as mask:
        assert mask.tag_v2[33922] == tuple(PLACE[33922][1])
        ids = np.asarray(mask)
    assert np.array_equal(ids, segpipe.load(MODEL).predict("in/geo.tif").ids)


def test_tiles_are_trusted_as_one_image_whose_masks_are_alike(folder: Path) -> None:
    """Two models: the Dice of what they write each alone, but for the edges of tiles; one: the same to some digits."""
    Image.fromarray(cv2.resize(np.asarray(Image.open("in/a.png")), (300, 260))).save("large.png")
    paths = [Path("one"), Path("two")]
    for path, seed in zip(paths, (2, 5), strict=True):
        segmenter, card = small(seed=seed)
        model_file.save(path, segmenter, card)
        model_file.save(path.with_suffix(".tiled"), segmenter, model_file.Card(**{**card.__dict__, "infer": TILED}))
    for models in (paths[:1], paths):
        whole = segpipe.load(*models).predict("large.png").trust
        tiled = segpipe.load(*(path.with_suffix(".tiled") for path in models)).predict("large.png").trust
        assert tiled == pytest.approx(whole, abs=0.03)
        predict(inputs="large.png", models=tuple(path.with_suffix(".tiled") for path in models))
        assert float(rows("out/trust.csv")[0]["trust"]) == round(tiled, 4)
    ids = [segpipe.load(path).predict("large.png").ids for path in paths]
    dice = 2 * ((ids[0] == ids[1]) & (ids[0] > 0)).sum() / sum((one > 0).sum() for one in ids)
    assert whole == pytest.approx(dice, rel=1e-9)


@pytest.mark.parametrize("gone", [*ALL[:4], "trust", "areas"])
def test_a_batch_goes_on_with_each_kind(folder: Path, gone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a kill: a file was not yet written, or a row of a table not yet noted."""
    predict(*ALL)
    whole = content(folder / "out")
    real, predicted = workflow._predict_one, list[str]()
    monkeypatch.setattr(workflow, "_predict_one", lambda item, *others: predicted.append(item.id) or real(item, *others))
    predict(*ALL)
    assert predicted == []
    table = folder / "out/written_by_predict.csv"
    if gone in ("trust", "areas"):
        lines = [line for line in table.read_text().splitlines(keepends=True) if not line.startswith(f"{gone}.csv")]
        table.write_text("".join(line for line in lines))
        (folder / f"out/{gone}.csv").unlink()
    else:
        next((folder / "out" / gone).glob("a.*")).unlink()
    predict(*ALL)
    assert predicted == (["a", "deep/b", "geo"] if gone in ("trust", "areas") else ["a"])
    assert content(folder / "out") == whole


def test_a_broken_image_and_one_that_is_too_large_for_a_kind_leave_the_rest_of_each(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "in/broken.png").write_bytes(b"no image")
    (folder / "in/stack.tif").write_bytes(tiff(*[Page(noise(0))] * 2))
    monkeypatch.setattr(probability_planes, "MOST_BYTES", 3 * 2 * 50 * 80)
    monkeypatch.setattr(labelme_file, "MOST_PIXELS", 50 * 80)
    with pytest.raises(PipelineError) as caught:
        predict(*ALL)
    said = str(caught.value)
    assert "broken.png: not an image that can be read" in said
    assert "page 1 of in/stack.tif: labelme opens no single page of a file" in said
    assert "in/a.png: 4800 pixels, of which labelme opens 4000 at most" in said
    assert said.endswith("5 images were left out; 1 are in out.")
    assert [row["image"] for row in rows("out/trust.csv")] == ["geo"]
    assert {row["image"] for row in rows("out/areas.csv")} == {"geo"}
    # Its pages are there already, but for the labelme files.
    predict("masks", inputs="in/stack.tif", out="pages")
    with pytest.raises(PipelineError, match="labelme opens no single page of a file"):
        predict("masks", "labelme", inputs="in/stack.tif", out="pages")
    with pytest.raises(PipelineError, match=r"in/a\.png: probabilities of 3 classes, 28800 bytes, above the limit of 24000"):
        predict("probabilities", out="other")


def test_a_table_or_labelme_file_that_someone_changed_is_not_replaced(folder: Path) -> None:
    predict("labelme")
    for name in ("trust.csv", "labelme/a.json"):
        before = (folder / "out" / name).read_text()
        (folder / "out" / name).write_text(before + " ")
        with pytest.raises(PipelineError, match=f"out/{name}: not written by predict, or changed since"):
            predict("labelme")
        (folder / "out" / name).write_text(before)


def test_a_labelme_file_is_written_again_where_its_image_has_moved(folder: Path) -> None:
    predict("labelme", inputs="in/a.png")
    shutil.move("in/a.png", "a.png")
    predict("labelme", inputs="a.png")
    assert json.loads(Path("out/labelme/a.json").read_text())["imagePath"] == "../../a.png"


def test_patterns_name_images_by_where_they_lie(folder: Path) -> None:
    (folder / "in/notes.txt").write_text("no image")
    (folder / "in/[1].png").write_bytes((folder / "in/a.png").read_bytes())
    for pattern, names in (
        ("in/*", {"[1]", "a", "geo"}),
        ("in/*.tif", {"geo"}),
        ("in/**/*.png", {"[1]", "a", "deep/b"}),
        ("*/deep/?.png", {"in/deep/b"}),
        ("in/[1].png", {"[1]"}),
    ):
        predict(inputs=pattern, out=f"out {len(names)} {pattern[-5:]}".replace("*", "").replace("/", ""))
        found = max(Path().glob("out *"), key=lambda path: path.stat().st_mtime_ns)
        assert {row["image"] for row in rows(f"{found}/trust.csv")} == names
    with pytest.raises(PipelineError) as caught:
        command.predict([Path(each) for each in ("no/*.tif", "in/a.png", "gone.png", "in/*.txt")], [MODEL], False, Path("x"))
    assert str(caught.value).splitlines() == [
        "no/*.tif: no image is called so.",
        "gone.png: no such file or folder.",
        "in/*.txt: no image is called so.",
    ]
    # What was predicted is no image of a pattern either.
    shutil.copytree(found, "in/earlier")
    assert predict(inputs="in/**/*.png", out="again")[0].endswith("3 images")


def test_images_in_which_nothing_is_found_are_counted(folder: Path) -> None:
    """Models agree on nothing, too, whether or not that is right."""
    segmenter, card = small()
    with torch.no_grad():
        segmenter.network.head.bias[0] += 1000
    model_file.save(MODEL, segmenter, card)
    assert predict(models=(MODEL, MODEL))[1].endswith("deep/b (1.00), geo (1.00); in 3 images nothing was found")
    assert {(row["trust"], row["objects"]) for row in rows("out/trust.csv")} == {("1.0", "0.0")}


def test_the_mask_of_an_image_with_a_world_file_has_one(folder: Path) -> None:
    numbers = [f"0.5\n0\n0\n-0.5\n4310{each}.25\n5412000.75\n" for each in (10, 11)]
    for each in numbers:
        Path("in/a.pgw").write_text(each)
        predict()
        assert Path("out/masks/a.pgw").read_text() == each
    assert [path.name for path in Path("out/masks").rglob("*.pgw")] == ["a.pgw"]
