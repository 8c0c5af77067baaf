"""What stage convert does, for any folder, without a project."""

import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from segpipe.annotations import class_names
from segpipe.annotations import convert as annotations
from segpipe.annotations.checks import files as doctor_files
from segpipe.annotations.checks import findings as doctor
from segpipe.annotations.checks import fixes
from segpipe.annotations.detect import settings
from segpipe.annotations.detect.inspect import inspect_folder
from segpipe.annotations.detect.layout import Kind
from segpipe.dataset import pack
from segpipe.dataset import unpack as plain
from segpipe.errors import DataError, PipelineError
from segpipe.params.load import data_params
from segpipe.params.schema import DataParams
from segpipe.storage import workspace
from segpipe.storage.examination_cache import Cache
from segpipe.storage.yaml_mapping import UNREADABLE

PLAIN: dict[str, Any] = {
    "unannotated": "error",
    "pages": "error",
    "groups": "none",
    "near_duplicates": "parts",
    "class_map": {},
    "max_ignored": 0.5,
    "shapes": {"fill": "labelme", "overlap": "order", "undrawn": "background", "line_width": 10, "point_size": 5},
    "sample": {"n_images": 240, "size": 128},
    "voc": {"year": 2012},
    "labelme": {},
    "coco": {"crowds": "ignore"},
    "yolo": {},
    "masks": {
        "image_dir": "images",
        "mask_dir": "masks",
        "template": "{stem}",
        "pairs": "none",
        "values": "ids",
        "codes": [0, 255],
        "ignore_index": 255,
        "palette": "indices",
    },
}
"""The data section of a params.yaml, before the folder was looked at. `--set` changes any of it."""


def convert_folder(
    src: Path,
    out: Path,
    source: Kind | None,
    image_dir: str,
    mask_dir: str,
    classes: Path | None,
    unpack: bool,
    changes: Sequence[str],
) -> tuple[str, str]:
    """Checks and packs `src` into the new folder `out`; returns what was made, and what to run next.

    `changes` are `data.KEY=VALUE`. Raises PipelineError with all that is wrong with the data; nothing is left behind then.
    """
    cache = Cache(workspace.examined())
    if not src.exists():
        raise PipelineError(f"{src}: no such folder or file.")
    if out.resolve().is_relative_to(src.resolve()):
        raise PipelineError(f"--out: {out} lies inside {src}, where nothing may change. Name a folder elsewhere.")
    with plain.new_folder(out) as folder:
        settings_given = [*changes, *_folders(image_dir, mask_dir)]
        data, unsure = _params(src.resolve(), source, classes, settings_given, cache)
        prepared = folder / ".pack" if unpack else folder
        with annotations.spool_in(folder) as spool:
            examination = annotations.examine(data, (), spool, cache=cache)
            doctor.refuse(examination.problems, _hint(examination.problems, data))
            doctor.refuse(unsure)
            info = annotations.info_of(examination)
            pack.write(prepared, examination.records, info)
            doctor_files.write(folder / "doctor", examination)
        if unpack:
            plain.unpack(pack.open_pack(prepared), folder)
            shutil.rmtree(prepared)
    if data.groups != "none":
        print(f"groups: {len({record.group for record in examination.records})}, of {data.groups}")
    print(f"{info.n_images} images with {info.channels} channels of {info.bits} bits; classes: {', '.join(info.classes)}")
    following = ["init", str(out)] if unpack else ["unpack", f"{out}-plain", "--pack", str(out)]
    following_command = shlex.join(["segpipe", *following]) + (", in a project" if unpack else "")
    return f"{out}; {out}/doctor/contact_sheet.png shows it", following_command


def _folders(image_dir: str, mask_dir: str) -> list[str]:
    """The two folders as --set has them. Raises PipelineError for one alone."""
    if bool(image_dir) != bool(mask_dir):
        raise PipelineError("--image-dir and --mask-dir belong together: name the other folder, too.")
    return [f"data.masks.image_dir={image_dir}", f"data.masks.mask_dir={mask_dir}"] if image_dir else []


def _params(
    src: Path, kind: Kind | None, classes: Path | None, changes: list[str], cache: Cache
) -> tuple[DataParams, Sequence[DataError]]:
    """The data section for this folder: what looking at it suggests, then what the command says; and what is doubtful of it."""
    listed = class_names.read_file(classes) if classes else None
    data = PLAIN | {"source": kind or "labelme", "path": str(src)}
    # Its sections are copied, since they are written into, and PLAIN is for every call.
    content = {"data": {key: dict(value) if isinstance(value, dict) else value for key, value in data.items()}}
    for name in ("voc", "labelme", "coco", "yolo", "masks"):
        # The schema wants classes; those that are found take the place of these.
        content["data"][name]["classes"] = ["background", "object"]
    # Put in before the folder is inspected, and kept afterwards: what the command says decides what is looked for.
    given = dict(_change(each) for each in changes)
    for key, text in given.items():
        _put(content, key, _value(key, text, content))
    own = {key: str(value) for key, value in content["data"]["masks"].items() if f"data.masks.{key}" in given}
    folders = [own.get(key, "") for key in ("image_dir", "mask_dir")]
    image_dir, mask_dir = folders if all(folders) else ("", "")
    masks = own.get("template", ""), own.get("pairs", "none")
    seen = inspect_folder(src, data_params(content["data"]), kind, image_dir, mask_dir, listed, *masks, cache)
    for key, value in settings.data_settings(seen, str(src)).items():
        if key not in given:
            _put(content, key, value)
    decided = given.keys() & {"data.masks.values", "data.masks.codes", f"data.{seen.layout.kind}.classes"}
    return data_params(content["data"]), () if decided else seen.classes.problems


def _hint(problems: Sequence[DataError], data: DataParams) -> str:
    """What to add to the command, where that mends some of the problems."""
    values = fixes.values_of([each for each in problems if not each.warning], {"data": data.model_dump()})
    return f"Add to the command what the lines above say: {fixes.as_options(values)}"


def _change(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.startswith("data."):
        raise PipelineError(f"--set {text}: write KEY=VALUE with a key of the data section, such as data.shapes.fill=exact.")
    return key, value


def _value(dotted: str, text: str, content: dict[str, Any]) -> Any:
    """The text as YAML. Where the key holds text now, it stays text as it is: `{stem}_mask` is none of YAML's maps."""
    held: Any = content
    for name in dotted.split("."):
        held = held.get(name) if isinstance(held, dict) else None
    try:
        value = yaml.safe_load(text)
    except UNREADABLE:
        if not isinstance(held, str):
            raise PipelineError(f"--set {dotted}={text}: the value is no YAML. Write it as in params.yaml.") from None
        return text
    return text if isinstance(held, str) and not isinstance(value, str) else value


def _put(content: dict[str, Any], dotted: str, value: Any) -> None:
    *sections, key = dotted.split(".")
    for name in sections:
        content = content.setdefault(name, {})
        if not isinstance(content, dict):
            raise PipelineError(f"--set {dotted}: no such key.")
    content[key] = value
