"""The installed versions of a package and of all that it needs."""

from importlib import metadata

import pytest

from segpipe.layout import pins


def made(folder: "pytest.TempPathFactory", name: str, needs: list[str]) -> str:
    """An installed package, as its metadata says it."""
    place = folder.getbasetemp() / "installed"
    info = place / f"{name.replace('-', '_')}-1.5+cpu.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    lines = ["Metadata-Version: 2.4", f"Name: {name}", "Version: 1.5+cpu", "Provides-Extra: more"]
    (info / "METADATA").write_text("\n".join([*lines, *(f"Requires-Dist: {each}" for each in needs)]), encoding="utf-8")
    return str(place)


def test_what_is_needed_here_at_any_depth_and_no_build_of_it(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs = {
        "px-top": ["px-a", "Px_B[more]>=1", "px-other; sys_platform == 'no-such'", "px-not-asked; extra == 'more'"],
        "px-a": ["px-c"],
        "px-b": ["px-d; extra == 'more'", "px-e; extra == 'less'"],
        "px-c": ["px-a"],
        "px-d": [],
        "px-e": [],
        "px-other": [],
        "px-not-asked": [],
    }
    for name, wanted in needs.items():
        place = made(tmp_path_factory, name, wanted)
    monkeypatch.syspath_prepend(place)
    assert pins.pins("px-top") == dict.fromkeys(("px-a", "px-b", "px-c", "px-d", "px-top"), "1.5")
    assert pins.lines([("px-a", "1.5")]) == "px-a==1.5\n"


def test_segpipe_s_own_hold_all_that_decides_bytes() -> None:
    found = pins.pins("segpipe")
    assert found["segpipe"] == metadata.version("segpipe")
    assert {"torch", "onnxruntime", "mlflow", "markupsafe"} <= set(found)
    assert not {"pytest", "hypothesis", "ruff"} & set(found)


def test_a_package_that_is_not_installed() -> None:
    with pytest.raises(metadata.PackageNotFoundError):
        pins.pins("no-such-package")
