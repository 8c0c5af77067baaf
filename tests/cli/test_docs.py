"""`segpipe docs` lists the pages, and finds those that say something."""

from pathlib import Path

import pytest

from segpipe.cli.main import app
from segpipe.console import command
from segpipe.layout import pages
from tests.structure.imports import ROOT


def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["segpipe", "docs", *words])
    with pytest.raises(SystemExit) as ended:
        command.run_app(app)
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


def test_all_pages_are_listed_with_their_titles(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = said(capsys, monkeypatch)
    there = [path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in sorted((ROOT / "docs").rglob("*.md"))]
    assert code == 0 and [line.split()[0] for line in out.splitlines()[1 : len(there) + 1]] == there
    assert any(
        line.split(maxsplit=1) == ["reference/folds", "The test part and the folds"] for line in map(str.rstrip, out.splitlines())
    )
    assert f"result: {ROOT / 'docs'}" in out


def test_those_that_are_named_so_come_first(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = said(capsys, monkeypatch, "FOLDS")
    names = [line.split()[0] for line in out.splitlines()[1:-2]]
    assert code == 0 and names[0] == "reference/folds" and "explanation/intervals" in names
    assert out.splitlines()[-1] == f"next:   read {ROOT / 'docs/reference/folds.md'}"


def test_what_no_page_says_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, err = said(capsys, monkeypatch, "quaternion bananas")
    assert (code, err) == (2, "error: quaternion bananas: no page says that. `segpipe docs` lists all.\n")


def test_those_of_an_installed_segpipe_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one.md").write_text("# One thing\n\nand another\n", encoding="utf-8")
    monkeypatch.setattr(pages, "SHIPPED", tmp_path)
    assert [(page.name, page.title) for page in pages.pages("ANOTHER")] == [("one", "One thing")]
