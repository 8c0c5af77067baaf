"""segpipe from Python: bring data in, run the pipeline and experiments, compare them, load a model and predict.

Each function does what the command of its name does, in the project that the working directory is. What takes seconds to import
is imported when it is needed, since every import of anything in segpipe runs this file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from segpipe.workflows.predictor import Predictor


def init(folder: str | Path, minutes: float | None = None, fix: bool = False) -> None:
    """Brings a folder of annotated images in and sets params.yaml to suit it, as `segpipe init`; it prints what it found.

    With `minutes` the training gets as many epochs as fit into them here; with `fix` lines that mend the data are written. Raises
    segpipe.errors.PipelineError with all that is wrong.
    """
    from segpipe.workflows import init as workflow

    workflow.init(str(folder), False, None, None, "", "", "", fix, minutes)


def repro(*stages: str) -> None:
    """Runs what changed of the pipeline, or of these stages and what they need, as `dvc repro`, and prints it as it comes.

    Raises segpipe.errors.PipelineError where a stage fails; its own words stand in what was printed.
    """
    from segpipe.experiments import dvc_output

    dvc_output.run(["repro", *stages])


def experiment(name: str, values: Mapping[str, Any]) -> None:
    """Trains with other values of params.yaml, by dotted key, in a folder of its own: `dvc exp run --temp --name NAME -S ...`.

    The project stays as it is. Raises segpipe.errors.PipelineError where it fails, and for a name that is taken.
    """
    from segpipe.experiments import dvc_output, set_params

    options = [part for key, value in values.items() for part in ("--set-param", set_params.option(key, value))]
    dvc_output.run(["exp", "run", "--temp", "--name", name, *options])


def compare(*names: str, score: str = "dice", part: Literal["val", "test"] | None = None) -> str:
    """Whether models and settings differ, in words, as `segpipe compare`: the first name is what the others are compared with.

    Names are experiments, branches, tags, commits, or workspace. Raises segpipe.errors.PipelineError for what cannot be compared.
    """
    from segpipe.workflows import compare as workflow

    return "\n\n".join(workflow.compare(names, score, part))


def load(model: str | Path, *more: str | Path, device: str = "auto") -> "Predictor":
    """The model of a model.safetensors or model.onnx, ready to predict images as `segpipe predict` does.

    Several files give the mean probability of their models, in the order given. `device` is auto, cpu or cuda. Raises
    segpipe.errors.PipelineError for a file that is no model of segpipe, or damaged, and for models of other classes or images.
    """
    from segpipe.workflows import predictor

    return predictor.load_all([Path(file) for file in (model, *more)], device)
