"""The files of a new project: the pipeline as it is in this version of segpipe, and the versions it is begun with."""

from pathlib import Path

from segpipe.layout import pins
from segpipe.paths import KEPT_FOLDS
from segpipe.reproducibility import versions

PACKAGE = Path(__file__).parents[1]
SHIPPED = PACKAGE / "layout/project"
"""Where a wheel has these files. In a checkout they lie in its root."""
TEMPLATE = Path(__file__).parent / "templates/README.md"

AS_THEY_ARE = ("params.yaml", "run", ".dvcignore", ".gitignore", ".gitattributes", ".dvc/config", ".dvc/.gitignore")
FOLDERS = {"stages": "*.py", "studies": "*.yaml"}
PIPELINE, RUNTIME, REQUIREMENTS = "dvc.yaml", versions.LOCK.as_posix(), "requirements.lock"
SHIPPED_FILES = (*AS_THEY_ARE, *FOLDERS, PIPELINE, RUNTIME)
"""What pyproject.toml puts into a wheel for `files`."""

OF_A_CHECKOUT = "    cmd: ./run code\n    deps:\n    - segpipe\n    - stages\n"
OF_A_PROJECT = "    cmd: ./run code\n    deps:\n    - stages\n    always_changed: true\n"
"""Where segpipe is installed, no file of the project says which code runs: stage `code` looks each time, for two seconds."""


def files() -> dict[str, bytes]:
    """The content of each file of a new project, by its path."""
    from_here = source()
    found = {name: (from_here / name).read_bytes() for name in AS_THEY_ARE}
    for folder, pattern in FOLDERS.items():
        found |= {f"{folder}/{path.name}": path.read_bytes() for path in sorted((from_here / folder).glob(pattern))}
    installed = pins.pins("segpipe")
    decide = [(name, installed[name]) for name in versions.read(from_here / RUNTIME)]
    texts = {
        PIPELINE: _pipeline((from_here / PIPELINE).read_text(encoding="utf-8")),
        RUNTIME: pins.lines(decide),
        REQUIREMENTS: pins.lines(installed.items()),
        KEPT_FOLDS.as_posix(): "# no image was assigned yet\n",
        "README.md": TEMPLATE.read_text(encoding="utf-8"),
    }
    return found | {name: text.encode() for name, text in texts.items()}


def source() -> Path:
    """The folder that holds params.yaml and what else of a new project is the same in each."""
    return SHIPPED if SHIPPED.is_dir() else PACKAGE.parent


def _pipeline(text: str) -> str:
    """dvc.yaml as a project has it, which is a checkout's but for stage `code`."""
    assert text.count(OF_A_CHECKOUT) == 1
    return text.replace(OF_A_CHECKOUT, OF_A_PROJECT)
