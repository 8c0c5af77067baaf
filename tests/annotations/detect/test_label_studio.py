"""Label Studio's brush masks: the sentence that says what to do, and that doing it works."""

from pathlib import Path

import pytest

from segpipe.annotations.detect.label_studio import hint
from segpipe.annotations.detect.layout import Layout, recognise
from tests.annotations.detect.test_layout import refusal, touch


@pytest.mark.parametrize(("by", "tag"), [("1", "cat"), ("me@there.org", "left-lung 2")])
def test_masks_without_their_image_s_name_are_reported_with_a_line_that_is_read(tmp_path: Path, by: str, tag: str) -> None:
    mask = f"masks/task-1-annotation-4-by-{by}-tag-{tag}-0.png"
    touch(tmp_path, "images/b.jpg", "images/c.jpg", mask, mask.replace("task-1-", "task-2-"))
    sentence = refusal(tmp_path)
    assert sentence == (
        f"{tmp_path}: 2 masks of Label Studio such as {mask}, whose names tell a task and a tag but not the image. Write "
        f"pairs.csv into this folder, with the first line image,mask,class and then a line a mask, such as "
        f"images/b.jpg,{mask},{tag} (Label Studio's JSON export names the image of each task), and give the command again."
    )
    line = sentence.partition("such as images")[2].partition(" (Label")[0]
    (tmp_path / "pairs.csv").write_text(f"image,mask,class\nimages{line}\n")
    assert recognise(tmp_path) == Layout("masks", ".", ".", pairs="pairs.csv", classes=(tag,))


def test_other_names_are_not_reported(tmp_path: Path) -> None:
    touch(tmp_path, "images/task-1.jpg", "masks/task-1-tag-cat.png")
    assert hint(tmp_path, "pairs.csv") == ""
