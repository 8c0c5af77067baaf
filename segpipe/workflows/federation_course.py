"""The rounds of a federation as its server decides them: what is asked next, from what sites answered; it knows of no network.

For the same sites and parameters the weights are those that `train.strategy: federated` comes to in one place, to the last bit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from pydantic import ValidationError
from torch import Tensor

from segpipe.dataset import class_weights, normalise
from segpipe.dataset.pack import mean_and_deviation
from segpipe.errors import PipelineError
from segpipe.federation import pooled
from segpipe.federation.messages import Answer, Described, Numbers, Request, Trained
from segpipe.federation.payload import Content, RefusedError
from segpipe.models.segmenter import Segmenter
from segpipe.params.stage_keys import NEVER_A_RESULT, TrainKeys
from segpipe.record import DatasetInfo
from segpipe.storage import checksummed
from segpipe.training import early_stop, federated, monitored_score
from segpipe.training.loop import Record
from segpipe.workflows.assemble import first_model

WEIGHTS, BEST = "weights.", "best."


@dataclass
class Course:
    """How far a federation is: round `number` comes next; with `to_score` the weights of the one before are still to be scored.

    `best_epoch` is a round, counted from 0, -1 while there is none; `best_rank` how many images it was scored on, and the score.
    `founders` are the sites that were there at first, whose images normalisation and class weights are of.
    """

    weights: dict[str, Tensor] = field(default_factory=dict)
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    number: int = 0
    to_score: bool = False
    history: list[Record] = field(default_factory=list)
    best_epoch: int = -1
    best_rank: tuple[float, float] = (-1.0, 0.0)
    founders: dict[str, Described] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """All that a restarted server needs to go on."""
        tensors = {WEIGHTS + name: tensor for name, tensor in self.weights.items()}
        tensors |= {BEST + name: tensor for name, tensor in self.best_weights.items()}
        about = {key: value for key, value in vars(self).items() if key not in ("weights", "best_weights")}
        # As pairs: sealed JSON sorts its keys, and history.csv's columns come in the order of a record's.
        about["history"] = [[*record.items()] for record in self.history]
        about["founders"] = {site: each.model_dump(mode="json") for site, each in self.founders.items()}
        return checksummed.seal(tensors, about)

    @classmethod
    def from_bytes(cls, content: bytes) -> "Course":
        """Raises checksummed.DamagedError for anything but what `to_bytes` gave."""
        tensors, about = checksummed.opened(content)
        weights, best = [
            {name.removeprefix(kind): each for name, each in tensors.items() if name.startswith(kind)} for kind in (WEIGHTS, BEST)
        ]
        about["history"] = [dict(pairs) for pairs in about["history"]]
        about["best_rank"] = tuple(about["best_rank"])
        about["founders"] = {site: Described.model_validate(each) for site, each in about["founders"].items()}
        return cls(weights, best, **about)


class Federation:
    """What the server knows: parameters, sites by name, what each described, and how far it is."""

    def __init__(self, params: TrainKeys, fold: int, sites: Sequence[str], course: Course) -> None:
        self.params, self.fold, self.sites, self.course = params, fold, sorted(sites), course
        self.rounds = params.train.epochs // params.federated.local_epochs
        self.described: dict[str, Described] = {}
        self.weights_of_classes: tuple[float, ...] = ()
        self.encoder_sha256: str | None = None
        self.asked = Request(fold=fold)

    def first(self) -> Content:
        """Asks the sites to describe their data."""
        return {}, self.asked.model_dump(mode="json")

    def check(self, site: str, content: Content) -> None:
        """Raises RefusedError for an answer that is none to what was asked, or from data that does not fit that of the others."""
        answer = _answer(content)
        info = answer.described
        if (len(info.class_counts), len(info.channel_sums)) != (len(info.classes), info.channels):
            raise RefusedError("it describes other classes or channels than it names")
        if self.asked.params is None:
            return
        reference = next(iter(self.described.values()))
        if info.in_common() != reference.in_common():
            raise RefusedError(f"its data is {_told(info)}, and that of the others {_told(reference)}")
        if self.asked.train and (answer.trained is None or "loss" not in answer.trained.sums):
            raise RefusedError("it holds no losses of the round")
        if answer.numbers:
            counts, n_classes = answer.numbers.counts, len(info.classes)
            if len(counts) != n_classes or any(len(row) != n_classes for row in counts):
                raise RefusedError("its counts of pixels are not those of its classes")

    def round_done(self, answers: Mapping[str, Content]) -> Content | None:
        """What is asked next, None at the end. Raises PipelineError where the sites' data do not fit each other."""
        parsed = {site: (content[0], _answer(content)) for site, content in sorted(answers.items())}
        self.described |= {site: answer.described for site, (_, answer) in parsed.items()}
        if self.asked.params is None:
            self._begin()
        else:
            if self.asked.validate_first:
                self._score({site: answer.numbers for site, (_, answer) in parsed.items() if answer.numbers})
            if self.asked.train:
                self._average(parsed)
        return self._next()

    def info(self) -> DatasetInfo:
        """What the data of all sites has in common, with the images of all."""
        first = next(iter(self.described.values()))
        images = sum(each.train_images + each.validation_images for each in self.described.values())
        return DatasetInfo(tuple(first.classes), first.has_background, first.channels, first.bits, images)

    def model(self) -> Segmenter:
        """The model with its first weights; its normalisation is of the training images of all sites."""
        info, rule = self.info(), self.params.input.normalise
        sums = [_added(channel) for channel in zip(*(each.channel_sums for each in self.course.founders.values()), strict=True)]
        if rule == "dataset":
            mean, deviation = mean_and_deviation([(one, two, three) for one, two, three in sums], info.bits)
        else:
            # The other rules that a federation may have read no image.
            mean, deviation = normalise.statistics(rule, _no_rows(), info)
        segmenter, self.encoder_sha256 = first_model(self.params, self.fold, info, mean, deviation)
        return segmenter

    def _begin(self) -> None:
        # A server that was stopped goes on with what it began with, whoever is there now.
        self.course.founders = self.course.founders or dict(self.described)
        together = self.course.founders | self.described
        kinds = {site: each.in_common() for site, each in together.items()}
        first, *others = kinds
        if odd := [site for site in others if kinds[site] != kinds[first]]:
            listed = "; ".join(f"{site}: {_told(together[site])}" for site in (first, *odd))
            raise PipelineError(f"the sites must have the same classes in the same order, channels and bits. {listed}")
        # Before anything is divided by how many pixels there are.
        if not sum(each.counted_images for each in self.described.values()):
            raise PipelineError(
                "no site has an image to train on. Annotate some, or wait for sites that have (the first round does)."
            )
        self.weights_of_classes = self._class_weights()
        if not self.course.weights:
            self.course.weights = {name: value.clone() for name, value in self.model().state_dict().items()}

    def _class_weights(self) -> tuple[float, ...]:
        loss, info = self.params.loss, self.info()
        if loss.class_weights in ("none", "given"):
            return class_weights.weights(loss.class_weights, loss.weights, _no_rows(), info)
        counts = [_added(each) for each in zip(*(site.class_counts for site in self.course.founders.values()), strict=True)]
        return class_weights.from_counts(loss.class_weights, [(own, of_images) for own, of_images in counts])

    def _score(self, numbers: Mapping[str, Numbers]) -> None:
        """Adds the scores to the last round's record, and keeps its weights where they are the best."""
        course, has_background = self.course, self.info().has_background
        record = course.history[-1]
        record |= {f"val_{name}": value for name, value in pooled.pooled([*numbers.values()], has_background).items()}
        for number, site in enumerate(self.sites, start=1):
            own = pooled.pooled([numbers[site]], has_background) if site in numbers else {}
            record |= {f"site{number}_{name}": value for name, value in own.items()}
        course.to_score = False
        images = sum(self.described[site].validation_images for site in numbers)
        score = (monitored_score.of_whole(self.params.train.monitor) if images else monitored_score.latest)(record)
        # A round in which a site was missing was scored on fewer images, which may be the easier ones.
        if score is not None and (images, score) > course.best_rank:
            course.best_rank, course.best_epoch = (float(images), score), course.number - 1
            # Copies: one file cannot hold the same memory under two names.
            course.best_weights = {name: value.clone() for name, value in course.weights.items()}

    def _average(self, parsed: Mapping[str, tuple[dict[str, Tensor], Answer]]) -> None:
        """The mean of the sites' weights, and the round's record."""
        course = self.course
        weighed = [
            (weights, answer.described.counted_images) for weights, answer in parsed.values() if answer.described.counted_images
        ]
        if not weighed:
            raise PipelineError(f"round {course.number + 1}: no site that answered has an image to train on.")
        course.weights = federated.average(weighed)
        trained = [answer.trained for _, answer in parsed.values() if answer.trained]
        course.history.append(_record(course.number, trained) | {"sites": float(len(weighed))})
        course.number += 1
        every = self.params.train.validate_every
        course.to_score = course.number % every == 0 or course.number == self.rounds

    def _next(self) -> Content | None:
        course, train = self.course, self.params.train
        watched = monitored_score.of_whole(train.monitor)
        stopped = not course.to_score and early_stop.early_stop(train.early_stop, watched)(course.history)
        if stopped or (course.number == self.rounds and not course.to_score):
            return None
        # Both in one message, unless what is scored has a say in what is trained.
        apart = course.to_score and (train.early_stop > 0 or self.params.optim.schedule == "plateau")
        self.asked = Request(
            fold=self.fold,
            params=self._params(),
            round=course.number,
            validate_first=course.to_score,
            train=course.number < self.rounds and not apart,
            history=course.history,
        )
        return course.weights, self.asked.model_dump(mode="json")

    def _params(self) -> dict[str, Any]:
        """Those of a site's own training: of one place, from weights that come along, with class weights of all sites."""
        params = self.params
        loss: dict[str, Any] = {}
        if self.weights_of_classes:
            loss = {"class_weights": "given", "weights": self.weights_of_classes}
        changed = params.model_copy(
            update={
                "train": params.train.model_copy(update={"strategy": "single"}),
                "model": params.model.model_copy(update={"weights": "none", "weights_sha256": "none"}),
                "loss": params.loss.model_copy(update=loss),
            }
        )
        return changed.model_dump(mode="json", exclude=NEVER_A_RESULT)


def _answer(content: Content) -> Answer:
    try:
        return Answer.model_validate(content[1])
    except ValidationError as error:
        first = error.errors()[0]
        raise RefusedError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _record(number: int, trained: Sequence[Trained]) -> Record:
    """The round's mean losses over all images."""
    seen = sum(each.seen for each in trained)
    names = dict.fromkeys(name for each in trained for name in each.sums)
    means = {f"train_{name}": sum(each.sums.get(name, 0.0) for each in trained) / seen for name in names if seen}
    return {"epoch": float(number), "lr": trained[-1].lr} | means


def _added(sums: Sequence[Sequence[int]]) -> list[int]:
    """In Python's integers, which are exact."""
    return [sum(values) for values in zip(*sums, strict=True)]


def _told(info: Described) -> str:
    return f"{', '.join(info.classes)}; {info.channels} channels of {info.bits} bits"


def _no_rows() -> pd.DataFrame:
    return pd.DataFrame()
