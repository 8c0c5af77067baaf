"""Text in UTF-8 is read with and without its mark, and any other encoding is refused in a sentence."""

from pathlib import Path

import pytest

from segpipe.errors import PipelineError
from segpipe.storage.text_file import read_text


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_the_byte_order_mark_is_no_text(mark: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(mark + "Käfer\n".encode())
    assert read_text(tmp_path / "a.txt") == "Käfer\n"


def test_another_encoding_is_refused_with_the_remedy_and_the_name(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("Käfer".encode("latin-1"))
    with pytest.raises(PipelineError) as plain:
        read_text(path)
    with pytest.raises(PipelineError) as named:
        read_text(path, "Save it as UTF-8, a name a line.", "names")
    assert str(plain.value) == f"{path}: not UTF-8 text. Save it as UTF-8."
    assert str(named.value) == "names: not UTF-8 text. Save it as UTF-8, a name a line."


def test_a_file_that_is_not_there_is_the_caller_s_to_explain(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_text(tmp_path / "none.txt")
