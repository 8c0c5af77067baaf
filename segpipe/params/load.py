"""Reads params.yaml, or a part of it, into its sections; all that is wrong is told at once, in sentences."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from segpipe.errors import PipelineError
from segpipe.params.messages import all_sentences
from segpipe.params.schema import DataParams, ModelParams, Params
from segpipe.paths import PARAMS
from segpipe.storage.yaml_mapping import read as read_yaml


def load_params(path: Path = PARAMS) -> Params:
    """Reads and checks the whole file. Raises PipelineError that names every problem, one a line."""
    content = read_yaml(path)
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise PipelineError("\n".join(f"{path}: {line}" for line in all_sentences(error, Params, ()))) from None


def plain_values(content: Any) -> dict[str, Any]:
    """The whole of params.yaml from plain values, as the schema reads them: 1e-4 in text is a number then.

    Raises PipelineError that names every problem, one a line.
    """
    try:
        return Params.model_validate(content).model_dump()
    except ValidationError as error:
        raise PipelineError("\n".join(all_sentences(error, Params, ()))) from None


def data_params(content: Any) -> DataParams:
    """The data section from plain values. Raises PipelineError that names every problem, one a line."""
    try:
        return DataParams.model_validate(content)
    except ValidationError as error:
        raise PipelineError("\n".join(all_sentences(error, Params, ("data",)))) from None


def model_params(content: Any) -> ModelParams:
    """The model section from plain values. Raises PipelineError that names every problem, one a line."""
    try:
        return ModelParams.model_validate(content)
    except ValidationError as error:
        raise PipelineError("\n".join(all_sentences(error, Params, ("model",)))) from None
