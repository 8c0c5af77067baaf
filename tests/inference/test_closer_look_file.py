"""closer_look.zip: what was written comes back, and a file that is missing or broken is refused with its remedy."""

from pathlib import Path

import numpy as np
import pytest

from segpipe.errors import PipelineError
from segpipe.inference import closer_look_file
from segpipe.inference.closer_look_file import CloserLook
from segpipe.storage.zips import write_zip

MAP = np.arange(6, dtype=np.uint8).reshape(2, 3)
DEEP = MAP.astype(np.uint16)
LOOK = CloserLook(
    confidence={"a": MAP * 50, "folder/b": MAP},
    attention={"a": {2: DEEP * 12345, 16: DEEP}},
    epochs={"folder/b": {3: MAP, 12: MAP[::-1] * 51}},
)


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "closer_look.zip"
    closer_look_file.write(path, LOOK)
    found = closer_look_file.read(path, 0)
    for kind in ("confidence", "attention", "epochs"):
        np.testing.assert_equal(getattr(found, kind), getattr(LOOK, kind))
    first = path.read_bytes()
    closer_look_file.write(path, LOOK)
    assert path.read_bytes() == first


def test_nothing_to_look_at_is_a_file_too(tmp_path: Path) -> None:
    closer_look_file.write(tmp_path / "closer_look.zip", CloserLook())
    assert closer_look_file.read(tmp_path / "closer_look.zip", 0) == CloserLook()


def test_what_is_missing_or_broken_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "closer_look.zip"
    with pytest.raises(PipelineError, match=r"closer_look\.zip: no such file\. Run `dvc repro evaluate@3`\."):
        closer_look_file.read(path, 3)
    for member in (("other/1/a.png", b""), ("confidence/0/a.png", b"no picture"), ("epochs/first/a.png", b""), ("a", b"")):
        write_zip(path, [member])
        with pytest.raises(PipelineError, match=r"not whole .* Run `dvc repro --force evaluate@3`\."):
            closer_look_file.read(path, 3)
    path.write_bytes(b"no zip")
    with pytest.raises(PipelineError, match="not whole"):
        closer_look_file.read(path, 3)
