"""A site of a federation: it trains on its own data what the server asks for, and answers with weights and sums alone."""

import contextlib
import json
import time
from pathlib import Path
from typing import Any

from torch import Tensor

from segpipe.dataset import class_weights
from segpipe.dataset.pack import channel_sums
from segpipe.errors import PipelineError
from segpipe.federation import certificates, pooled
from segpipe.federation.messages import Answer, Described, Numbers, Request, Trained
from segpipe.params.schema import Params
from segpipe.params.stage_keys import TrainKeys
from segpipe.reproducibility import code_hash, versions
from segpipe.storage import workspace
from segpipe.training import federated
from segpipe.workflows.assemble import Training, scorer
from segpipe.workflows.model_card import CODE
from segpipe.workflows.train import prepare
from segpipe.workflows.training_data import TrainingData, read_fold, wholly_ignored


def join(params: Params, address: str, certificates_in: Path, patience: float) -> int:
    """Answers the server until it says that the run has ended; returns how many rounds were answered.

    Of `params`, this site's own, `runtime` counts. Raises PipelineError where the server cannot be reached, or asks for what this
    site's data cannot give.
    """
    # Of Flower, which is in an environment of its own.
    from segpipe.federation.client import take_part

    with contextlib.ExitStack() as open_until_the_end:
        return take_part(address, certificates.read(certificates_in), Site(params, open_until_the_end).answer, patience)


class Site:
    """What a site keeps between two rounds: its data, and the training that was put together for the parameters asked for."""

    def __init__(self, params: Params, open_until_the_end: contextlib.ExitStack) -> None:
        self.params, self.open = params, open_until_the_end
        self.installed = versions.check()
        self.asked = ""
        self.training: Training | None = None

    def answer(self, weights: dict[str, Tensor], about: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The trained weights, and an Answer as JSON.

        Raises PipelineError for a request that is none, or does not fit the data.
        """
        try:
            request = Request.model_validate(about)
        except ValueError as error:
            raise PipelineError(f"the server asks for what this version does not know: {error}") from None
        if request.params is None:
            return {}, Answer(described=describe(read_fold(request.fold), self.installed)).model_dump(mode="json")
        training = self._training(request.params, request.fold)
        training.segmenter.load_state_dict(weights)
        described = describe(training.data, self.installed)
        numbers = _validated(training) if request.validate_first else None
        trained = _trained(training, weights, request) if request.train else None
        answer = Answer(described=described, numbers=numbers, trained=trained)
        return training.segmenter.state_dict(), answer.model_dump(mode="json")

    def _training(self, params: dict[str, Any], fold: int) -> Training:
        asked = json.dumps([params, fold], sort_keys=True)
        if self.training is None or asked != self.asked:
            own = {"runtime": self.params.runtime, "tracking": self.params.tracking}
            self.training = prepare(TrainKeys.model_validate(params | own), fold)
            self.open.enter_context(self.training.cache.opened(workspace.decoded_images()))
            self.asked = asked
        return self.training


def describe(data: TrainingData, installed: dict[str, str]) -> Described:
    """What a server is told of the data before anything is trained."""
    info, rows = data.pack.info, data.pack.index.loc[data.train_ids]
    return Described(
        classes=list(info.classes),
        has_background=info.has_background,
        channels=info.channels,
        bits=info.bits,
        train_images=len(data.train_ids),
        counted_images=len(data.train_ids) - len(wholly_ignored(data.pack, data.train_ids)),
        validation_images=len(data.validation_ids),
        channel_sums=channel_sums(rows, info),
        class_counts=class_weights.class_counts(rows, info),
        versions=installed,
        code=code_hash.code_hash(code_hash.ROOTS, [CODE]),
    )


def _validated(training: Training) -> Numbers | None:
    """What the validation images add up to with the weights as they came; None where the site has none."""
    ids = training.data.validation_ids
    if not ids:
        return None
    scored = scorer(training)(ids)
    has_background = training.data.pack.info.has_background
    return pooled.numbers([each.counts for each in scored], [each.losses for each in scored], has_background)


def _trained(training: Training, weights: dict[str, Tensor], request: Request) -> Trained:
    run, local, start = training.run, training.params.federated.local_epochs, time.monotonic()
    run.progress.history = list(request.history)
    found = federated.train_round(run, weights, request.round, local, training.scaler)
    rounds = training.params.train.epochs // local
    loss = f"train loss {found.sums['loss'] / found.seen:.4f}" if found.seen else "every pixel ignored"
    print(f"round {request.round + 1}/{rounds}  {loss}, {time.monotonic() - start:.0f} s", flush=True)
    return Trained(sums=found.sums, seen=found.seen, lr=found.lr)
