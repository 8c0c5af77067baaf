"""The server of a federation: it has no data, holds the rounds over the network, and writes the model."""

import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segpipe.dataset import presets
from segpipe.errors import PipelineError
from segpipe.federation import certificates, payload
from segpipe.federation.certificates import Identity
from segpipe.federation.messages import Described
from segpipe.federation.payload import Content
from segpipe.federation.rounds import Patience
from segpipe.models import model_file
from segpipe.models.model_file import Card
from segpipe.models.whole_model import whole_model
from segpipe.params.schema import Params
from segpipe.params.stage_keys import NEVER_A_RESULT, TrainKeys
from segpipe.reproducibility import code_hash, versions
from segpipe.reproducibility.fingerprint import fingerprint
from segpipe.storage import files, lock, workspace
from segpipe.storage.checksummed import DamagedError
from segpipe.training import history
from segpipe.workflows import federated_training
from segpipe.workflows.federation_course import Course, Federation
from segpipe.workflows.model_card import CODE

MOST_CLASSES, MOST_CHANNELS = 255, 64
"""Of any data set: no model of these parameters is larger than with them."""


@dataclass(frozen=True)
class Served:
    """The model file, its round, counted from 1, and in words the score that chose it."""

    model: Path
    best_round: int
    score: str


def serve(whole: Params, sites: Sequence[str], address: str, certificates_in: Path, out: Path, patience: float) -> Served:
    """Holds all rounds with these sites, and writes model.safetensors, history.csv and sites.csv to the folder `out`.

    It waits `patience` seconds for all sites at first, and for any where none is left. A server that was stopped goes on with the
    round after the last whole one. Raises PipelineError where it cannot listen at the address, where no site is left, or where
    the data of sites do not fit each other.
    """
    if whole.train.strategy != "federated":
        raise PipelineError(f"train.strategy: {whole.train.strategy}. Write federated, and the parameters that sites train by.")
    identity, installed, fold = certificates.read(certificates_in), versions.check(), whole.folds[0]
    params = TrainKeys.of(whole)
    params = params.model_copy(update={"augment": presets.resolved(params.augment)})
    recorded = {
        "params": params.model_dump(exclude=NEVER_A_RESULT, mode="json"),
        "versions": installed,
        "code": code_hash.code_hash(code_hash.ROOTS, [CODE]),
        "python": ".".join(platform.python_version_tuple()[:2]),
        "device": "those of the sites",
        "fold": fold,
    }
    identity_hash = fingerprint(recorded | {"sites": sorted(sites)})
    state = workspace.main_root() / ".resume" / f"federation-{identity_hash[:16]}.state"
    with lock.exclusive(state.with_suffix(".lock"), "the server of this federation"):
        federation = Federation(params, fold, sites, _restored(state))
        _hold(federation, address, identity, Patience(start=patience), state)
        card = _card(federation, recorded, identity_hash)
        _write(federation, card, out)
        # Last of all: who is killed before it writes again what is there.
        state.unlink(missing_ok=True)
    course = federation.course
    value = course.history[course.best_epoch].get(f"val_{params.train.monitor}")
    score = "no validation" if value is None else f"validation {params.train.monitor} {value:.4f}"
    return Served(out / "model.safetensors", course.best_epoch + 1, score)


def _hold(federation: Federation, address: str, identity: Identity, patience: Patience, state: Path) -> None:
    def round_done(number: int, answers: dict[str, Content]) -> Content | None:
        before = federation.course.number
        following = federation.round_done(answers)
        files.write_bytes(state, federation.course.to_bytes())
        if federation.course.number > before:
            _tell(federation, len(answers))
        return following

    # Of Flower, which is in an environment of its own.
    from segpipe.federation import server

    limit = _largest_answer(federation.params)
    server.serve(address, identity, federation.sites, federation.first(), round_done, federation.check, limit, patience)


def _restored(state: Path) -> Course:
    if not state.is_file():
        return Course()
    try:
        course = Course.from_bytes(state.read_bytes())
    except (DamagedError, OSError) as error:
        print(f"warning: {state} is damaged ({error}); the federation starts anew", file=sys.stderr)
        return Course()
    print(f"goes on after round {course.number}", flush=True)
    return course


def _tell(federation: Federation, n_answers: int) -> None:
    """A line a round; the scores are those of the weights before it, which came along with its answers."""
    course = federation.course
    record, scored = course.history[-1], [each for each in course.history if "val_dice" in each]
    loss = f"train loss {record['train_loss']:.4f}" if "train_loss" in record else "every pixel ignored"
    score = f" | round {int(scored[-1]['epoch']) + 1} validated: dice {scored[-1]['val_dice']:.3f}" if scored else ""
    print(f"round {course.number}/{federation.rounds}  {n_answers} sites, {loss}{score}", flush=True)


def _largest_answer(params: TrainKeys) -> int:
    """Before it is known how many channels and classes the sites' data has."""
    model = params.model.model_copy(update={"weights": "none", "weights_sha256": "none"})
    zeros, ones = [0.0] * MOST_CHANNELS, [1.0] * MOST_CHANNELS
    segmenter, _ = whole_model(model, MOST_CHANNELS, MOST_CLASSES, "none", zeros, ones)
    return payload.largest_answer(segmenter.state_dict())


def _card(federation: Federation, recorded: dict[str, object], identity_hash: str) -> Card:
    params, info, course = federation.params, federation.info(), federation.course
    counts = {site: _images(federation.described.get(site)) for site in federation.sites}
    entry = {"sites": counts, "local_epochs": params.federated.local_epochs}
    training = recorded | {
        federated_training.FEDERATED: entry,
        "class_weights": list(federation.weights_of_classes),
        "encoder_weights": federation.encoder_sha256,
        "best_epoch": course.best_epoch,
        "epochs": len(course.history),
    }
    return Card(
        classes=info.classes,
        has_background=info.has_background,
        channels=info.channels,
        bits=info.bits,
        long_side=params.input.long_side,
        model=params.model.model_copy(update={"weights": "none", "weights_sha256": "none"}),
        infer=params.infer,
        fingerprint=identity_hash,
        fold=federation.fold,
        training=training,
    )


def _images(described: Described | None) -> dict[str, int]:
    """None of a site that never took part."""
    return {
        "train": described.train_images if described else 0,
        "validation": described.validation_images if described else 0,
    }


def _write(federation: Federation, card: Card, out: Path) -> None:
    course = federation.course
    history.write(out / "history.csv", course.history)
    federated_training.write_sites(out / "sites.csv", card.training, course.history[course.best_epoch])
    model_file.save_weights(out / "model.safetensors", course.best_weights, card)
