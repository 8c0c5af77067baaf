"""Label files and images: the usual places first, then those that come near, and never one file for two images."""

import pytest

from segpipe.annotations.formats.yolo.pairing import pair


@pytest.mark.parametrize(
    ("image", "text"),
    [
        ("train/images_1st_500/a.jpg", "train/images_1st_500/a.txt"),
        ("train/images_1st_500/a.jpg", "train/labels_1st_500/a.txt"),
        ("train/images_1st_500/a.jpg", "train/labels/a.txt"),
        ("train/Images-2/deep/a.jpg", "train/labels-2/deep/a.txt"),
        ("imgs/a.jpg", "labels/a.txt"),
        ("more/a.b.jpg", "more/a.b.txt"),
        ("image_2/a.jpg", "label_2/a.txt"),
    ],
)
def test_folders_of_other_names_are_read_beside_one_called_images(image: str, text: str) -> None:
    pairs = pair([image, "val/images/v.jpg", "val/preview/v.jpg"], [text, "val/labels/v.txt", "README.txt"])
    assert pairs.labels == {image: (text,), "val/images/v.jpg": ("val/labels/v.txt",)}
    assert pairs.near == (image,)


def test_an_image_without_a_label_file_counts_beside_one_that_has_it() -> None:
    pairs = pair(["images/v.jpg", "x/a.jpg", "x/b.jpg", "y/c.jpg"], ["labels/v.txt", "x/a.txt"])
    assert pairs.labels == {"images/v.jpg": ("labels/v.txt",), "x/a.jpg": ("x/a.txt",), "x/b.jpg": ()}
    assert pairs.near == ("x/a.jpg", "x/b.jpg")


def test_the_images_in_folders_called_images_come_first() -> None:
    pairs = pair(["a.jpg", "images/a.jpg", "set_images/a.jpg"], ["labels/a.txt"])
    assert pairs.labels == {"images/a.jpg": ("labels/a.txt",)}


def test_of_two_images_that_would_do_none_gets_the_file() -> None:
    pairs = pair(["images/v.jpg", "images_1/a.jpg", "images_2/a.jpg"], ["labels/v.txt", "labels/a.txt"])
    assert pairs.labels == {"images/v.jpg": ("labels/v.txt",)}


def test_a_part_of_data_yaml_that_no_folder_called_images_fills_counts() -> None:
    images = ["val/images/v.jpg", "photos/a.jpg", "val/preview/p.jpg"]
    parts = {"photos/a.jpg": "train", "val/images/v.jpg": "val", "val/preview/p.jpg": "val"}
    assert pair(images, [], parts).labels == {"photos/a.jpg": (), "val/images/v.jpg": ()}


def test_without_a_folder_called_images_all_images_count() -> None:
    assert pair(["x/a.jpg", "y/b.jpg"], ["x/a.txt"]).labels == {"x/a.jpg": ("x/a.txt",), "y/b.jpg": ()}
    assert pair(["images_1/a.jpg", "images_2/b.jpg"], ["labels_1/a.txt", "labels_2/b.txt"]).labels == {
        "images_1/a.jpg": ("labels_1/a.txt",),
        "images_2/b.jpg": ("labels_2/b.txt",),
    }


def test_predictions_of_ultralytics_are_no_truth() -> None:
    predicted = ["runs/segment/predict/v.jpg", "runs/segment/predict/labels/v.txt"]
    assert pair(["images/v.jpg", predicted[0]], ["labels/v.txt", predicted[1]]).labels == {"images/v.jpg": ("labels/v.txt",)}
    assert pair(predicted[:1], predicted[1:]).labels == {predicted[0]: (predicted[1],)}
