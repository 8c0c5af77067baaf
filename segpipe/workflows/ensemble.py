"""The mean of all folds' models on the test part, where there are several; else, without torch, that there is none."""

from segpipe import evaluation, paths
from segpipe.dataset.split import folds
from segpipe.inference import ensemble_file
from segpipe.params.stage_keys import EnsembleKeys


def ensemble(params: EnsembleKeys) -> list[str]:
    """Writes data/ensemble; returns what it is, in words.

    Raises PipelineError where the models are not those that data/eval has the scores of.
    """
    for name in evaluation.remove_others(paths.EVAL, params.folds):
        print(f"removed {paths.EVAL / name}: this fold is not in `folds`")
    parts = folds.read(paths.FOLDS)
    if reason := ensemble_file.reason_for_none(params.folds, parts):
        ensemble_file.write_none(paths.ENSEMBLE)
        return [f"no ensemble: {reason}"]
    # Only here: torch takes seconds to start.
    from segpipe.workflows.score_ensemble import score_ensemble

    return score_ensemble(params, folds.test(parts))
