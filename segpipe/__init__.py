"""segpipe from Python: `segpipe.load(FILE).predict(image)` gives class ids and probabilities."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segpipe.workflows.predictor import Predictor


def load(model: str | Path, *more: str | Path, device: str = "auto") -> "Predictor":
    """The model of a model.safetensors or model.onnx, ready to predict images as `segpipe predict` does.

    Several files give the mean probability of their models, in the order given. `device` is auto, cpu or cuda. Raises
    segpipe.errors.PipelineError for a file that is no model of segpipe, or damaged, and for models of other classes or images.
    """
    # Here, since every import of anything in segpipe runs this file, and torch takes seconds.
    from segpipe.workflows import predictor

    return predictor.load_all([Path(file) for file in (model, *more)], device)
