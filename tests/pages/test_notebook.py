"""The tutorial's notebook as it is committed: whole, run, small, and of no machine."""

import ast
import re

from tests.pages import notebook

COMMITTED = notebook.read()
CODE = [cell for cell in COMMITTED.cells if cell.cell_type == "code"]
LARGEST = 300_000


def test_its_code_is_python() -> None:
    for cell in CODE:
        ast.parse(cell.source)
    assert "segpipe.init(" in "".join(cell.source for cell in CODE)


def test_it_was_run_from_the_top_and_nothing_failed() -> None:
    assert [cell.execution_count for cell in CODE] == [*range(1, len(CODE) + 1)]
    assert [output for cell in CODE for output in cell.outputs if output.output_type == "error"] == []
    assert sum(output.output_type == "execute_result" for cell in CODE for output in cell.outputs) == 2, "two pictures"


def test_it_is_small_and_of_no_machine() -> None:
    text = notebook.NOTEBOOK.read_text(encoding="utf-8")
    assert len(text) < LARGEST
    printed = "".join(output.get("text", "") for cell in CODE for output in cell.outputs)
    assert re.findall(r"(?<![\w.:/])/(?:home|tmp|root|work|usr|Users)\b\S*", printed) == []
    assert "execution" not in text.replace("execution_count", "") and "language_info" not in text


def test_its_links_lead_somewhere() -> None:
    links = [
        link for cell in COMMITTED.cells if cell.cell_type == "markdown" for link in re.findall(r"\]\(([^)#]+)", cell.source)
    ]
    assert links
    assert [link for link in links if not (notebook.NOTEBOOK.parent / link).is_file()] == []
