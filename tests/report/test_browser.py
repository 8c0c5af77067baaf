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
from tests.report.projects import finished, trained_with, write_run

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (apt-get install chromium)")

QUIET = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --enable-logging=stderr --virtual-time-budget=4000 --dump-dom"
)
GUARD = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"
)
"""Whatever a page would fetch is refused, and the browser's console says so."""

PROBE = """<script>addEventListener("load", () => {
  const drawn = [...document.images].map(image => image.complete && image.naturalWidth > 0);
  const [content, ground] = [document.documentElement.scrollWidth, getComputedStyle(document.body).backgroundColor];
  const links = [...document.querySelectorAll("nav a")].map(link => link.getBoundingClientRect());
  const outside = links.filter(link => link.left < 0 || link.right > innerWidth).length;
  const found = {drawn, content, ground, outside, width: innerWidth};
  parent.document.documentElement.setAttribute("data-probe", JSON.stringify(found));
});</script>"""
FRAME = """<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<iframe srcdoc="{page}" style="width: {width}px; height: 900px; border: 0"></iframe>"""
LONG = ("background", "Donaudampfschifffahrtsgesellschaftskapitaen" * 2, "a name of many words " * 6)


def probed(page: str, folder: Path, width: int, *options: str) -> dict[str, Any]:
    """What the browser says of the page: images drawn, its width and that of its content, and the console's lines.

    The page stands in a frame, since no window of the browser is as narrow as a phone.
    """
    watched = page.replace("<head>", f"<head>{GUARD}{PROBE}")
    file = folder / "frame.html"
    file.write_text(FRAME.format(page=html.escape(watched), width=width), encoding="utf-8")
    where = [f"--user-data-dir={folder / 'profile'}", "--window-size=1400,1000", file.as_uri()]
    assert CHROMIUM
    ran = subprocess.run([CHROMIUM, *QUIET.split(), *options, *where], capture_output=True, text=True, timeout=60, check=True)
    found = re.search(r'data-probe="([^"]*)"', ran.stdout)
    assert found, ran.stderr
    told: dict[str, Any] = json.loads(html.unescape(found[1]))
    return told | {"console": [line for line in ran.stderr.splitlines() if "CONSOLE" in line]}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = finished(tmp_path_factory.mktemp("run"), classes=LONG)
    write_run(folder / "data/eval/fold0", 0, params=trained_with())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlflow.db'}")
        report.main()
    return (folder / "reports/index.html").read_text(encoding="utf-8")


def test_a_desktop_shows_everything_and_asks_for_nothing(page: str, tmp_path: Path) -> None:
    found = probed(page, tmp_path, 1280)
    assert found["drawn"] == [True] * (18 + 24 + 8)
    assert found["console"] == []
    assert found["content"] <= found["width"] == 1280
    assert found["ground"] == "rgb(246, 247, 249)"
    assert found["outside"] == 0


def test_a_phone_in_the_dark_needs_no_sideways_scrolling(page: str, tmp_path: Path) -> None:
    found = probed(page, tmp_path, 390, "--blink-settings=preferredColorScheme=0")
    assert found["content"] <= found["width"] == 390
    assert found["ground"] == "rgb(15, 18, 23)"
    assert found["outside"] == 0
    assert found["console"] == []


def test_the_probe_sees_what_is_wrong(tmp_path: Path) -> None:
    broken = (
        '<head></head><img src="data:image/png;base64,AAAA"><img src="http://localhost:9/gone.png">'
        '<nav style="display: flex"><a>near</a><a style="padding-left: 900px">far</a></nav>'
        '<div style="width: 3000px">x</div><script>console.error("bad")</script>'
    )
    found = probed(broken, tmp_path, 390)
    assert found["drawn"] == [False, False]
    assert found["content"] > found["width"]
    assert found["outside"] == 1
    assert any("bad" in line for line in found["console"])
    assert any("gone.png" in line for line in found["console"])
