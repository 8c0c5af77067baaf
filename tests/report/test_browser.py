"""The page in a real browser: it asks for nothing, complains of nothing, shows every image, and fits a phone."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stages import report
from tests.report.projects import finished, write_run

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (apt-get install chromium)")

QUIET = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --enable-logging=stderr --virtual-time-budget=4000 --dump-dom"
)
PROBE = """<script>addEventListener("load", () => {
  const drawn = [...document.images].map(image => image.complete && image.naturalWidth > 0);
  const fetched = performance.getEntriesByType("resource").map(entry => entry.name).filter(name => !name.startsWith("data:"));
  const root = document.documentElement;
  const found = {drawn, fetched, width: innerWidth, content: root.scrollWidth, ground: getComputedStyle(document.body).backgroundColor};
  root.setAttribute("data-probe", JSON.stringify(found));
});</script>"""
LONG = ("background", "Donaudampfschifffahrtsgesellschaftskapitaen" * 2, "a name of many words " * 6)


def probed(page: str, folder: Path, width: int, *options: str) -> dict[str, Any]:
    """What the browser says of the page: images drawn, addresses fetched, widths, and its console's lines."""
    file = folder / "probed.html"
    file.write_text(page.replace("<body>", f"<body>{PROBE}"), encoding="utf-8")
    where = [f"--user-data-dir={folder / 'profile'}", f"--window-size={width},900", file.as_uri()]
    assert CHROMIUM
    ran = subprocess.run([CHROMIUM, *QUIET.split(), *options, *where], capture_output=True, text=True, timeout=60, check=True)
    found = re.search(r'data-probe="([^"]*)"', ran.stdout)
    assert found, ran.stderr
    told: dict[str, Any] = json.loads(html.unescape(found[1]))
    return told | {"console": [line for line in ran.stderr.splitlines() if "CONSOLE" in line]}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = finished(tmp_path_factory.mktemp("run"), classes=LONG)
    write_run(folder / "data/eval/fold0", 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(report, "_track", lambda *_: None)
        report.main()
    return (folder / "reports/index.html").read_text(encoding="utf-8")


def test_a_desktop_shows_everything_and_asks_for_nothing(page: str, tmp_path: Path) -> None:
    found = probed(page, tmp_path, 1280)
    assert found["drawn"] == [True] * 16
    assert found["fetched"] == []
    assert found["console"] == []
    assert found["content"] <= found["width"] == 1280
    assert found["ground"] == "rgb(246, 247, 249)"


def test_a_phone_in_the_dark_needs_no_sideways_scrolling(page: str, tmp_path: Path) -> None:
    found = probed(page, tmp_path, 390, "--blink-settings=preferredColorScheme=0")
    assert found["content"] <= found["width"] == 390
    assert found["ground"] == "rgb(15, 18, 23)"
    assert found["console"] == []


def test_the_probe_sees_what_is_wrong(tmp_path: Path) -> None:
    broken = (
        '<body><img src="data:image/png;base64,AAAA"><img src="gone.png"><div style="width:3000px">x</div>'
        '<script>console.error("bad")</script></body>'
    )
    found = probed(broken, tmp_path, 800)
    assert found["drawn"] == [False, False]
    assert [Path(name).name for name in found["fetched"]] == ["gone.png"]
    assert found["content"] > found["width"]
    assert any("bad" in line for line in found["console"])
