"""The page in a real browser: it asks for nothing, complains of nothing, shows every image, fits a phone, and is quick to use."""

import dataclasses
import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segpipe.evaluation import ImageScores
from segpipe.report import page as page_of
from segpipe.report.jpeg import jpeg
from segpipe.storage.files import write_bytes
from stages import report
from tests.report.projects import finished, trained_with, write_run
from tests.report.test_page import gathered

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (apt-get install chromium)")

QUIET = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --enable-logging=stderr --dump-dom"
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
    return visited(file, "--virtual-time-budget=4000", *options)


def visited(file: Path, *options: str) -> dict[str, Any]:
    """What the scripts in a page of ours say of it, and the console's lines. No name of a server leads anywhere."""
    where = [f"--user-data-dir={file.parent / 'profile'}", "--window-size=1400,1000", file.as_uri()]
    nowhere = "--host-resolver-rules=MAP * ~NOTFOUND"
    assert CHROMIUM
    command = [CHROMIUM, *QUIET.split(), nowhere, *options, *where]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
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
    assert found["drawn"] == [True] * (18 + 10 + 24 + 8)
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


HAND = """<script>addEventListener("load", async () => {
  const ready = performance.now();
  const table = document.getElementById("image-table");
  const heads = Object.fromEntries([...table.tHead.rows[0].cells].map(head => [head.dataset.key, head]));
  const cells = place => [...table.tBodies[0].rows].map(row => row.cells[place].textContent);
  const found = {ready, rows: table.tBodies[0].rows.length, first: cells(0)[0], sorts: {}};
  for (const [key, head] of Object.entries(heads)) {
    head.querySelector("button").click();
    found.sorts[key] = [head.getAttribute("aria-sort"), cells(head.cellIndex)[0]];
    head.querySelector("button").click();
    found.sorts[key].push(head.getAttribute("aria-sort"), cells(head.cellIndex)[0]);
  }
  found.marked = table.querySelectorAll("[aria-sort]").length;
  heads.dice.querySelector("button").click();
  const said = () => document.querySelector("#images [role=status]").textContent;
  const [previous, next] = document.querySelectorAll("#images .pager button");
  found.pages = [said(), previous.disabled];
  next.click();
  found.pages.push(said(), cells(0)[0]);
  const filter = document.getElementById("image-filter");
  filter.value = " IMAGE-19";
  filter.dispatchEvent(new Event("input"));
  found.filtered = [said(), ...new Set(cells(0).map(name => name.slice(0, 8)))];
  filter.value = "";
  const part = document.getElementById("image-part");
  part.value = "1";
  part.dispatchEvent(new Event("change"));
  found.part = [said(), ...new Set(cells(heads.part.cellIndex))];
  part.value = "";
  part.dispatchEvent(new Event("change"));
  const readout = document.getElementById("confusion-readout");
  const cell = document.querySelector("#confusion-matrix tbody [tabindex]");
  cell.focus();
  found.confusion = [readout.textContent];
  for (const key of ["ArrowLeft", "ArrowRight", "ArrowDown", "ArrowDown", "ArrowDown"]) {
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
  }
  found.confusion.push(readout.textContent, document.querySelectorAll("#confusion-matrix [tabindex='0']").length);
  document.querySelector("#confusion-matrix td[title]").dispatchEvent(new Event("pointerover", {bubbles: true}));
  found.confusion.push(readout.textContent);
  found.used = performance.now();
  const say = () => document.documentElement.setAttribute("data-probe", JSON.stringify(found));
  say();  // a browser whose clock is the true one waits for nothing that comes later
  const button = table.tBodies[0].rows[0].querySelector("button");
  button.click();
  const opened = [...table.tBodies[0].rows[1].querySelectorAll("img")];
  await Promise.all(opened.map(image => image.decode().catch(() => null)));
  await new Promise(done => setTimeout(done, 100));
  const shown = opened.flatMap(image => [image.alt, image.naturalWidth]);
  found.opened = [button.getAttribute("aria-expanded"), ...shown];
  found.row = table.tBodies[0].rows[1].textContent;
  button.click();
  found.closed = [button.getAttribute("aria-expanded"), table.tBodies[0].rows.length];
  say();
});</script>"""
"""What a person does with the table of images."""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of 2,000 images, half of them of each part, in a folder with the pictures of three."""
    folder = finished(tmp_path_factory.mktemp("many"))
    contents = gathered(folder, (0,))
    made = [ImageScores(f"image-{n}", n / 2000, 1 - n / 4000, n + 1, 1, n / 8) for n in range(2000)]
    images = {"val": made[::2], "test": made[1::2]}
    contents = dataclasses.replace(contents, results=[dataclasses.replace(contents.results[0], images=images)], n_pictures=3)
    for number in range(1, 4):
        write_bytes(folder / f"images/{number:05d}.jpg", jpeg(np.full((16, 80, 3), 200, np.uint8)))
    file = folder / "index.html"
    file.write_text(page_of.render(contents).replace("<head>", f"<head>{HAND}"), encoding="utf-8")
    return file


def test_two_thousand_images_are_sorted_filtered_paged_and_opened(many: Path) -> None:
    found = visited(many, "--virtual-time-budget=8000")
    assert found["console"] == []
    assert (found["rows"], found["first"]) == (100, "image-0")
    assert found["sorts"] == {
        "id": ["ascending", "image-0", "descending", "image-1999"],
        "part": ["ascending", "test", "descending", "validation"],
        "dice": ["ascending", "0.000", "descending", "1.000"],
        "accuracy": ["ascending", "0.500", "descending", "1.000"],
        "wrong": ["ascending", "1", "descending", "2,000"],
        "border": ["ascending", "0.1 %", "descending", "100.0 %"],
        "loss": ["ascending", "0.000", "descending", "249.875"],
    }
    assert found["marked"] == 1
    assert found["pages"] == ["1 to 100 of 2,000", True, "101 to 200 of 2,000", "image-100"]
    assert found["filtered"] == ["1 to 100 of 111, of 2,000 in all", "image-19"]
    assert found["part"] == ["1 to 100 of 1,000, of 2,000 in all", "validation"]
    captions = ("image", "truth", "prediction", "errors")
    assert found["opened"] == ["true", *(said for caption in captions for said in (f"{caption} of image-0", 80))]
    assert found["row"] == "imagetruthpredictionerrors"
    assert found["closed"] == ["false", 100]
    # Of 4 x 320 pixels 144 are objects, which predictions move by 0, 1, 2, 3 columns of 3, 4, 5, 6 pixels.
    first = "background, called background: 1,104 pixels, 97.2 % of background"
    assert found["confusion"] == [first, "blue, called red: no pixel", 1, first]


def test_two_thousand_images_are_usable_in_three_seconds(many: Path) -> None:
    """By the browser's clock, with its cold start; all that a person does after that is part of it."""
    found = visited(many)
    assert 0 < found["ready"] < found["used"] < 3000


def test_a_page_whose_pictures_were_left_behind_says_so(many: Path, tmp_path: Path) -> None:
    file = tmp_path / "index.html"
    file.write_text(many.read_text(encoding="utf-8"), encoding="utf-8")
    found = visited(file, "--virtual-time-budget=8000")
    assert found["row"] == "images/00001.jpg is not beside this page: copy reports/images with it."


def test_no_other_script_runs_and_nothing_is_asked_for(many: Path, tmp_path: Path) -> None:
    file = tmp_path / "index.html"
    bad = "<script>document.title = 'mine'</script><img src='http://example.org/a.png' onerror='document.title = 1'>"
    shown = many.read_text(encoding="utf-8").replace("</main>", f"{bad}</main>")
    file.write_text(shown.replace("JSON.stringify(found)", "JSON.stringify({title: document.title})"), encoding="utf-8")
    found = visited(file, "--virtual-time-budget=8000")
    assert found["title"] == "U-Net finds red and blue"
    assert sum("Content Security Policy" in line for line in found["console"]) == 3


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
