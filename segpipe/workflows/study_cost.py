"""What an arm of a study costs: parameters and memory as they follow from its model, and time as MLflow has it."""

from collections.abc import Sequence
from functools import cache

from segpipe import paths
from segpipe.diagnostics import cost, memory
from segpipe.diagnostics.architecture_costs import build, with_name
from segpipe.errors import PipelineError
from segpipe.experiments.arms import Arm
from segpipe.experiments.outcome import Outcome
from segpipe.params.load import whole_params
from segpipe.params.overrides import with_overrides
from segpipe.params.schema import Params
from segpipe.report.study_contents import Cost
from segpipe.storage.yaml_mapping import read as read_yaml
from segpipe.tracking import mlflow_runs
from segpipe.workflows.model_costs import training_shape

SECONDS = "train_s"
"""What an epoch's training took, in MLflow."""
NUMBERS = {"loss": {"dice_weight": 0.5, "label_smoothing": 0.0}, "optim": {"lr": 0.001}, "train": {"seed": 0, "epochs": 1}}
"""Keys that are often swept, and change neither parameters nor memory: arms that differ in them alone are computed once."""


def cost_of(arm: Arm, outcomes: Sequence[Outcome]) -> Cost:
    """Of one training of the arm; time is the mean over its seeds and folds. None for what cannot be known here."""
    params = whole_params(with_overrides(read_yaml(paths.PARAMS), arm.overrides))
    fingerprints = [training for each in outcomes for training in each.trainings]
    seconds = mlflow_runs.mean_total(params.tracking.experiment, fingerprints, SECONDS)
    sections = {name: getattr(params, name).model_copy(update=keys) for name, keys in NUMBERS.items()}
    parameters, peak = _of_model(params.model_copy(update=sections).model_dump_json())
    return Cost(parameters, peak, seconds)


@cache
def _of_model(params_json: str) -> tuple[int | None, int | None]:
    """Parameters, and bytes of a step's peak."""
    params = Params.model_validate_json(params_json)
    shape, _ = training_shape(params)
    try:
        segmenter = build(with_name(params.model, params.model.name), shape, params.input.normalise)
    except PipelineError:
        return None, None  # A library, or weights in a file, that are on another machine.
    return cost.n_parameters(segmenter), memory.computed(segmenter, shape).peak(params.train.batch_size)
