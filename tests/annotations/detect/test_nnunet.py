"""nnU-Net's folders: one file a case is read with its names, several are told."""

import json
from pathlib import Path

import numpy as np
import pytest

from segpipe.annotations.detect import nnunet
from segpipe.annotations.detect.inspect import inspect_folder
from segpipe.annotations.detect.layout import recognise
from segpipe.errors import PipelineError
from tests.annotations.data_params import data_params
from tests.annotations.formats.masks.folders import save
from tests.corpus.build import photos
from tests.images.tiff_files import Page, tiff

LABELS = {"background": 0, "cat": 1, "dog": 2, "ignore": 3}


def data_set(root: Path, channels: int, suffix: str = ".png") -> Path:
    for number in range(3):
        photos(root, *(f"imagesTr/case_{number:03}_{channel:04}{suffix}" for channel in range(channels)))
        save(root / f"labelsTr/case_{number:03}{suffix}", np.array([[0, 1, 2, 3, 0, 0, 0, 0]] * 4, np.uint8))
    photos(root, f"imagesTs/case_009_0000{suffix}")
    (root / "dataset.json").write_text(json.dumps({"labels": LABELS, "channel_names": {"0": "R"}, "numTraining": 3}))
    return root


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_one_file_a_case_is_read(suffix: str, tmp_path: Path) -> None:
    seen = inspect_folder(data_set(tmp_path, 1, suffix), data_params(tmp_path, "masks"))
    assert str(seen.layout) == "masks (imagesTr and labelsTr, {stem}_0000 > {stem})"
    assert (seen.n_images, seen.problems) == (3, ())
    assert (seen.classes.names, seen.classes.ignore_index) == (("background", "cat", "dog"), 3)


def test_several_files_a_case_are_reported(tmp_path: Path) -> None:
    with pytest.raises(PipelineError) as caught:
        recognise(data_set(tmp_path, 2))
    assert (
        "2 files in imagesTr are channels of one image, case_000, as nnU-Net has them. Save the channels of each as one TIFF "
        "of as many bands, such as imagesTr/case_000_0000.tif, and remove the files."
    ) in str(caught.value).splitlines()


def test_other_folders_are_not_reported(tmp_path: Path) -> None:
    photos(tmp_path, "a/x_0000.png", "a/x_0001.png", "imagesTr/x_0000.png", "imagesTr/y_0000.png", "imagesTr/z.png")
    assert nnunet.multi_channel_hint(tmp_path, tmp_path.rglob("*.png")) == ""


def test_the_channels_joined_as_it_says_are_read(tmp_path: Path) -> None:
    """As TIFFs of two bands, in place of the files."""
    data_set(tmp_path, 2)
    for path in sorted(tmp_path.glob("imagesTr/*_0000.png")):
        bands = np.random.default_rng(len(path.name)).integers(0, 256, (4, 8, 2)).astype(np.uint8)
        path.with_suffix(".tif").write_bytes(tiff(Page(bands)))
    for path in tmp_path.glob("imagesTr/*.png"):
        path.unlink()
    seen = inspect_folder(tmp_path, data_params(tmp_path, "masks"))
    assert (seen.n_images, seen.depths, seen.problems) == (3, (((2, 8), 3),), ())
