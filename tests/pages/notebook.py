"""Runs the tutorial's notebook as Jupyter would; by hand, in a clone's folder, it writes the notebook with what came out:

    python -m tests.pages.notebook PROJECT

PROJECT is a project in which nothing has been changed; what is made there stays there.
"""

import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from tests.structure.imports import ROOT

NOTEBOOK = ROOT / "docs/tutorial/notebook.ipynb"
TIMEOUT_S = 3600


def read() -> NotebookNode:
    """The notebook as it is committed."""
    return nbformat.read(NOTEBOOK, as_version=4)


def run(notebook: NotebookNode, folder: Path, parameters: dict[str, object]) -> NotebookNode:
    """The notebook after all of its cells ran in `folder`, with other values in its first cell of code.

    Raises nbclient.exceptions.CellExecutionError at the first cell that fails.
    """
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    for name, value in parameters.items():
        first.source, count = re.subn(rf"^{name} = .*$", f"{name} = {value!r}", first.source, flags=re.MULTILINE)
        assert count == 1, f"{name} is no parameter of the notebook"
    at = {"metadata": {"path": str(folder)}}
    NotebookClient(
        notebook, timeout=TIMEOUT_S, kernel_name="python3", record_timing=False, coalesce_streams=True, resources=at
    ).execute()
    return notebook


def without_places(notebook: NotebookNode, project: Path) -> NotebookNode:
    """The notebook without the machine it ran on: no folders, no version of Python, no lines that were replaced."""
    for cell in notebook.cells:
        cell.pop("id", None)
        for output in cell.get("outputs", []):
            if "text" in output:
                text = output["text"].replace(f"{project}/", "").replace(str(project), ".")
                output["text"] = re.sub(r"^.*\r(?!\n)", "", text, flags=re.MULTILINE)
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    notebook.nbformat_minor = 4
    return notebook


def main() -> None:
    """Runs all of it in the project that is named, and writes it where it is committed."""
    project = Path(sys.argv[1]).resolve()
    ran = without_places(run(read(), project, {"PROJECT": "."}), project)
    for cell, committed in zip(ran.cells, read().cells, strict=True):
        cell.source = committed.source
    nbformat.write(ran, NOTEBOOK)
    print(f"result: {NOTEBOOK.relative_to(ROOT)}, {NOTEBOOK.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
