"""nnU-Net's folders, where a case may have a file for each channel: `imagesTr/case_0000.png`, `imagesTr/case_0001.png`."""

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

CHANNEL = re.compile(r"(?P<case>.+)_\d{4}")


def multi_channel_hint(root: Path, images: Iterable[Path]) -> str:
    """What to do where a case has several files, or nothing."""
    cases: dict[str, list[Path]] = defaultdict(list)
    for path in images:
        match = CHANNEL.fullmatch(path.stem)
        if match and path.parent.name == "imagesTr":
            cases[match["case"]].append(path)
    case = next((case for case in sorted(cases) if len(cases[case]) > 1), None)
    if case is None:
        return ""
    joined = min(cases[case]).with_name(f"{case}_0000.tif").relative_to(root).as_posix()
    what = f"{len(cases[case])} files in imagesTr are channels of one image, {case}, as nnU-Net has them"
    return f"{what}. Save the channels of each as one TIFF of as many bands, such as {joined}, and remove the files."
