"""A project of the built-in sample in a temporary folder, converted and split: what benchmarks of training start from."""

import contextlib
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from segpipe.params.load import load_params
from segpipe.params.stage_keys import ConvertKeys, DownloadKeys, SplitKeys
from segpipe.workflows import convert, download, split

ROOT = Path(__file__).parents[1]
Values = Mapping[str, Any]
"""Values of params.yaml by their dotted keys."""


@contextlib.contextmanager
def project(values: Values, arrange: Callable[[Path], Values] = lambda raw: {}) -> Iterator[None]:
    """The working directory is a project of our params.yaml with these values; `arrange` may move what was downloaded.

    It gives the values by which what it made is read.
    """
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        os.environ["DVC_ROOT"] = folder
        shutil.copy(ROOT / "runtime.lock", "runtime.lock")
        Path("kept_folds.csv").touch()
        write(values)
        with contextlib.redirect_stdout(io.StringIO()):
            download.download(DownloadKeys.of(load_params()))
            write({**values, **arrange(Path("data/raw"))})
            params = load_params()
            convert.convert(ConvertKeys.of(params))
            split.split(SplitKeys.of(params))
        yield


def write(values: Values) -> None:
    """Our params.yaml with these values, in the working directory."""
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for key, value in values.items():
        section = content
        *above, last = key.split(".")
        for name in above:
            section = section[name]
        section[last] = value
    Path("params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
