"""What the report of many images costs: seconds to write it, its size, and milliseconds until a browser can be used.

Run in the repository: python -m bench.report [IMAGES], 2,000 without. The images are made, of 20 x 16 pixels, half of them in the
test part and a quarter in validation; the pictures are those of report.n_images worst. Needs chromium; its clock starts with the
page, and `used` is when the table was sorted by all columns, filtered and paged, as tests/report/test_browser.py does it.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from segpipe import paths
from segpipe.params.load import load_params
from segpipe.params.stage_keys import ReportKeys
from segpipe.report import image_table, page
from segpipe.workflows.report import gather, report
from tests.report.projects import finished, write_params
from tests.report.test_browser import HAND, visited

REPEATS = 3


def main(n_images: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        finished(Path(folder), n_test=n_images // 2, n_images=n_images)
        write_params(Path(folder), (0,), n_images=200)
        os.chdir(folder)
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        params = ReportKeys.of(load_params())
        whole, _ = seconds(lambda: report(params))
        contents = gather(params)
        render, html = seconds(lambda: page.render(contents))
        pictures = [path.stat().st_size for path in paths.PICTURES.iterdir()]
        file = Path(folder) / "reports/used.html"
        file.write_text(html.replace("<head>", f"<head>{HAND}"), encoding="utf-8")
        seen = [visited(file) for _ in range(REPEATS)]
        os.chdir("/")
    n_rows = len(image_table.rows(contents.results))
    print(f"{n_images:,} images, {n_rows:,} rows: {whole:.1f} s to report, {render:.1f} s of them to fill the page")
    print(f"index.html {len(html.encode()) / 1e6:.2f} MB; {len(pictures)} pictures of {sum(pictures) / 1e6:.1f} MB")
    ready, used = (sorted(each[name] for each in seen)[REPEATS // 2] for name in ("ready", "used"))
    print(f"chromium: {ready:.0f} ms to usable, {used:.0f} ms with all of it used (median of {REPEATS})")


def seconds(action: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
