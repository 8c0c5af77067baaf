"""Whether images suffice for stage split is known before anything is brought in: init ends in a split, or in a sentence."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segpipe.cli.init import init
from segpipe.errors import PipelineError
from segpipe.params.load import load_params
from stages import convert as convert_stage
from stages import split as split_stage
from tests import plain_params
from tests.annotations.near_duplicates.test_pairs import scene


def save(root: Path, name: str, image: np.ndarray, part: str = "") -> None:
    mask = (image[..., 0] > 127).astype(np.uint8)
    for folder, pixels in (("images", image), ("masks", mask)):
        path = root / folder / part / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.ascontiguousarray(pixels)).save(path)


def parts(root: Path) -> dict[str, str]:
    """Init, convert and split, as a person would run them."""
    init(str(root))
    convert_stage.main()
    split_stage.main()
    lines = Path("data/folds/folds.csv").read_text().splitlines()[1:]
    return {line.split(",")[0]: line.split(",")[1] for line in lines}


def refusal(root: Path) -> str:
    with pytest.raises(PipelineError) as caught:
        init(str(root))
    assert not Path("data").exists()
    assert Path("params.yaml").read_text() == plain_params.TEXT
    return str(caught.value)


@pytest.mark.usefixtures("project", "without_dvc")
def test_crops_of_three_pictures_are_three_groups(tmp_path: Path) -> None:
    for seed in range(3):
        for at in range(3):
            save(tmp_path / "mine", f"s{at}x{seed}", scene(seed)[10 * at : 200 + 10 * at, 8 * at : 280 + 8 * at])
    found = parts(tmp_path / "mine")
    assert load_params(Path("params.yaml")).split.n_folds == 3
    assert sorted({tuple(found[f"s{at}x{seed}"] for at in range(3)) for seed in range(3)}) == [
        (fold, fold, fold) for fold in ("0", "1", "2")
    ]


@pytest.mark.usefixtures("project", "without_dvc")
def test_groups_of_a_table_count_as_well(tmp_path: Path) -> None:
    rows = []
    for number in range(8):
        save(tmp_path / "mine", f"{number}", scene(number, 60, 80))
        rows.append(f"{number},{number // 4}")
    (tmp_path / "mine/patients.csv").write_text("image,group\n" + "\n".join(rows) + "\n")
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("  groups: none ", "  groups: patients.csv "))
    found = parts(tmp_path / "mine")
    assert load_params(Path("params.yaml")).split.n_folds == 2
    assert {found["0"], found["4"]} == {"0", "1"}


@pytest.mark.usefixtures("project", "without_dvc")
def test_two_images_are_enough(tmp_path: Path) -> None:
    for number in range(2):
        save(tmp_path / "mine", f"{number}", scene(number, 60, 80))
    assert set(parts(tmp_path / "mine").values()) == {"0", "1"}


@pytest.mark.usefixtures("project", "without_dvc")
def test_one_image_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "mine", "only", scene(1, 60, 80))
    assert refusal(tmp_path / "mine") == ("1 image, but 2 are the fewest: one to train on and one to validate on. Add images.")


@pytest.mark.usefixtures("project", "without_dvc")
def test_one_image_beside_a_test_list_is_refused(tmp_path: Path) -> None:
    for number, part in enumerate(("train", "test", "test")):
        save(tmp_path / "mine", f"{number}", scene(number, 60, 80), part)
    assert refusal(tmp_path / "mine").startswith("1 image outside the test list, but 2 are the fewest")


@pytest.mark.usefixtures("project", "without_dvc")
def test_crops_of_one_picture_are_refused_by_their_cause(tmp_path: Path) -> None:
    for at in range(4):
        save(tmp_path / "mine", f"{at}", scene(5)[5 * at : 200 + 5 * at, 8 * at : 280 + 8 * at])
    assert refusal(tmp_path / "mine") == (
        "all 4 images are near-duplicates of one another, so that none is new to a model. "
        "Add other images, or set split.join_duplicates to false in params.yaml."
    )
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("  join_duplicates: true ", "  join_duplicates: false "))
    assert len(set(parts(tmp_path / "mine").values())) == 4


@pytest.mark.usefixtures("project", "without_dvc")
def test_a_table_of_one_group_is_named(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / "mine", f"{number}", scene(number, 60, 80))
    (tmp_path / "mine/p.csv").write_text("image,group\n0,a\n1,a\n2,a\n")
    text = Path("params.yaml").read_text().replace("  groups: none ", "  groups: p.csv ")
    Path("params.yaml").write_text(text)
    with pytest.raises(PipelineError) as caught:
        init(str(tmp_path / "mine"))
    assert str(caught.value).endswith("Add images of other groups, or mend data.groups in params.yaml.")


@pytest.mark.usefixtures("project", "without_dvc")
def test_a_validation_list_without_any_training_image_is_refused(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / "mine", f"{number}", scene(number, 60, 80), "val")
    assert refusal(tmp_path / "mine").startswith("every image outside the test list is in the validation list")
