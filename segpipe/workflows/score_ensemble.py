"""Scores the mean probability of all folds' models on the test part."""

from collections.abc import Sequence

from segpipe import evaluation, paths
from segpipe.console.progress import track
from segpipe.dataset import loader, pack
from segpipe.dataset.split import folds
from segpipe.errors import PipelineError
from segpipe.inference import ensemble_file, scoring
from segpipe.inference.average import over_models
from segpipe.params.stage_keys import EnsembleKeys
from segpipe.record import DatasetInfo
from segpipe.reproducibility import versions
from segpipe.scores.counts import scores
from segpipe.storage.files import sha256_of
from segpipe.training import device as devices
from segpipe.workflows import predictor
from segpipe.workflows.image_facts import image_facts
from segpipe.workflows.own_model import load_own_model
from segpipe.workflows.predictor import Predictor


def score_ensemble(params: EnsembleKeys, ids: Sequence[str]) -> list[str]:
    """Predicts the images as `segpipe predict --folds` does, the likeliest class by the mean probability, and writes
    data/ensemble; returns the scores in words.

    Raises PipelineError where a model is not the one that data/eval has the scores of.
    """
    versions.check()
    devices.configure_determinism(params.threads, params.train.deterministic)
    data = pack.open_pack(paths.PREPARED)
    members = {fold: _scored_model(fold) for fold in params.folds}
    model = _mean(params, data.info)
    card, rules = model.card, params.scores
    images = loader.whole_image_loader(loader.WholeImages(data, ids), params.runtime.workers)
    scored = scoring.score_images(
        over_models(model.members),
        images,
        len(card.classes),
        # No loss: nothing was trained by it.
        lambda logits, target: {},
        params.infer,
        card.long_side,
        model.device,
        with_levels=True,
    )
    shown = track(scored, f"{evaluation.TEST} images", len(ids), after_s=1.0)
    facts = image_facts(data.index.loc[[*ids]], folds.read_groups(paths.FOLDS), rules.unit)
    total = ensemble_file.write(
        paths.ENSEMBLE, shown, members, card.classes, card.has_background, rules.tolerance, rules.unit, facts
    )
    found = scores([total.counts], card.has_background)
    numbers = ", ".join(f"{name} {value:.4f}" for name, value in found.items() if value is not None)
    return [f"the mean of folds {', '.join(map(str, members))} on {total.images} {evaluation.TEST} images: {numbers}"]


def _mean(params: EnsembleKeys, info: DatasetInfo) -> Predictor:
    """The folds' models as one. Raises PipelineError where they were trained on other data than lie here, or unlike the first."""
    device = devices.select_device(params.runtime.device)
    loaded = [load_own_model(fold, info) for fold in params.folds]
    names = [paths.model_file(fold).as_posix() for fold in params.folds]
    return predictor.averaged([predictor.on_device(segmenter, card, device) for segmenter, card in loaded], names)


def _scored_model(fold: int) -> str:
    """The hash of the fold's model. Raises PipelineError where evaluate scored another one, or none.

    dvc.yaml names data/eval and not `models`, which would hold the export and folds of the past. The hashes in data/eval make
    the models a dependency all the same.
    """
    path = paths.model_file(fold)
    if not path.is_file():
        raise PipelineError(f"{path}: is not there. Run `dvc repro train@{fold}`, or `dvc pull`.")
    found = sha256_of(path)
    if found != evaluation.scored_model(paths.eval_folder(fold)):
        raise PipelineError(f"{paths.eval_folder(fold)} has no scores of {path} as it is now. Run `dvc repro evaluate@{fold}`.")
    return found
