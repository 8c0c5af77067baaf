"""Keeps a finished example's numbers for its page: python -m tests.examples.record NAME FOLDER.

FOLDER is what `segpipe example NAME FOLDER` made. Writes docs/examples/NAME/summary.json and recorded.json, three pictures, and
the table between the page's two marks.
"""

import json
import re
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segpipe.workflows.model_info import read_card
from tests.structure.imports import ROOT

PAGES = ROOT / "docs/examples"
MARKS = ("<!-- numbers -->", "<!-- end of numbers -->")
SCORES = ("dice", "miou", "precision", "recall", "boundary_f", "colour_dice")
COLUMNS = {"val": "validation", "test": "test", "ensemble": "test, ensemble of the folds"}
MOST_BYTES, WIDEST = 150_000, 1000
"""Of a picture of a page: bytes, and pixels across."""
SHARE = 0.35
"""Of the contact sheet that a page shows: its first two rows of six."""
N_TRUST = 6
"""So many of the least trusted predictions are named."""
BEFORE = "first"
"""The tag of the first of two runs, where an example has two."""


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    page = PAGES / name
    page.mkdir(parents=True, exist_ok=True)
    recorded = gathered(folder)
    (page / "summary.json").write_bytes((folder / "metrics/summary.json").read_bytes())
    (page / "recorded.json").write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    file = page / "README.md"
    text = file.read_text(encoding="utf-8")
    sheet = cv2.imread(str(folder / "data/doctor/contact_sheet.png"))
    (page / "data.jpg").write_bytes(as_jpeg(sheet[: round(SHARE * len(sheet))]))
    (page / "report.jpg").write_bytes(as_jpeg(screenshot(folder / "reports/index.html")))
    (page / "predictions.jpg").write_bytes(as_jpeg(predictions(folder / "reports/images")))
    before, _, rest = text.partition(MARKS[0])
    file.write_text(f"{before}{MARKS[0]}\n{table(name)}{MARKS[1]}{rest.partition(MARKS[1])[2]}", encoding="utf-8")


def gathered(folder: Path) -> dict[str, Any]:
    """What the page shows beside summary.json: on which kind of processor, the intervals, and the first run's scores."""
    training = read_card(folder / "models/fold0/model.safetensors")["training"]
    found = {"instruction_set": training["instruction_set"], "versions": training["versions"]}
    return found | {
        "least_trusted": least_trusted(folder),
        "intervals": intervals((folder / "metrics/intervals.csv").read_text(encoding="utf-8")),
        "before": before(folder),
    }


def least_trusted(folder: Path) -> list[str]:
    """The names of the predictions that are least to be trusted, the least first."""
    (table,) = folder.glob("*/trust.csv")
    return list(pd.read_csv(table)["image"][:N_TRUST])


def intervals(text: str) -> dict[str, dict[str, list[float]]]:
    """Low and high of each of SCORES, by part."""
    rows = pd.read_csv(StringIO(text))
    rows = rows[rows["class"].isna() & rows["score"].isin(SCORES) & rows["part"].isin(COLUMNS)]
    found: dict[str, dict[str, list[float]]] = {}
    for row in rows.itertuples():
        found.setdefault(row.part, {})[row.score] = [row.low, row.high]
    return found


def before(folder: Path) -> dict[str, Any] | None:
    """Test scores and intervals of the commit tagged BEFORE; None without one."""
    if BEFORE not in git(folder, "tag").split():
        return None
    summary, found = (git(folder, "show", f"{BEFORE}:metrics/{name}") for name in ("summary.json", "intervals.csv"))
    return {"test": json.loads(summary)["test"], "intervals": intervals(found)["test"]}


def predictions(pictures: Path) -> NDArray[np.uint8]:
    """The report's pictures of the worst, the middle and the best of the predictions, one below another."""
    files = sorted(pictures.glob("*.jpg"))
    return np.concatenate([cv2.imread(str(files[place])) for place in (0, len(files) // 2, -1)])


def screenshot(page: Path) -> NDArray[np.uint8]:
    """The top of a page as a browser shows it."""
    with tempfile.TemporaryDirectory() as scratch:
        picture = Path(scratch) / "page.png"
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1100,1000"]
        subprocess.run(
            ["chromium", *options, f"--screenshot={picture}", page.resolve().as_uri()], check=True, capture_output=True
        )
        return cv2.imread(str(picture))


def as_jpeg(picture: NDArray[np.uint8]) -> bytes:
    """A JPEG of MOST_BYTES at most, of the best quality that fits, shrunk to WIDEST."""
    scale = min(1.0, WIDEST / picture.shape[1])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    tried = (bytes(cv2.imencode(".jpg", small, (cv2.IMWRITE_JPEG_QUALITY, quality))[1]) for quality in range(92, 30, -4))
    return next(each for each in tried if len(each) <= MOST_BYTES)


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


def table(name: str) -> str:
    """The page's table: scores with their 95 % intervals, in Markdown, from the files beside the page."""
    summary, recorded = (
        json.loads((PAGES / name / f"{each}.json").read_text(encoding="utf-8")) for each in ("summary", "recorded")
    )
    columns = {title: (summary[part], recorded["intervals"][part]) for part, title in COLUMNS.items() if part in summary}
    if recorded["before"]:
        columns = {"test, first model": (recorded["before"]["test"], recorded["before"]["intervals"])} | {
            "test, second model": columns["test"]
        }
    lines = [f"| | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for score in SCORES:
        cells = [_cell(values.get(score), bounds.get(score)) for values, bounds in columns.values()]
        lines.append(f"| {'colours alone, dice' if score == 'colour_dice' else score} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(value: float | None, bounds: list[float] | None) -> str:
    if value is None:
        return ""
    return f"{value:.3f} ({bounds[0]:.3f} .. {bounds[1]:.3f})" if bounds else f"{value:.3f}"


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


if __name__ == "__main__":
    main()
