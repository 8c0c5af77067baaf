"""A federation of sites that hold their images: what its rounds come to, without a network between them."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from segpipe.errors import PipelineError
from segpipe.federation.payload import Content, RefusedError
from segpipe.params import edit
from segpipe.params.load import load_params
from segpipe.params.stage_keys import TrainKeys
from segpipe.training import loop
from segpipe.workflows import train
from segpipe.workflows.federation_course import Course, Federation
from segpipe.workflows.federation_site import Site
from tests.training.test_resume import bytes_of
from tests.workflows.sites import NAMES, in_groups, project_of_each


@pytest.fixture
def together(sample_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose images are of three groups, unequal in size."""
    folder = tmp_path / "together"
    shutil.copytree(sample_project, folder)
    monkeypatch.setenv("DVC_ROOT", str(folder))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nowhere://")
    monkeypatch.chdir(folder)
    in_groups(folder)
    edit.write(
        Path("params.yaml"),
        {
            "train.strategy": "federated",
            "federated.sites": "group",
            "train.epochs": 4,
            "train.batch_size": 2,
            "train.validate_every": 1,
        },
    )
    return folder


@pytest.fixture
def apart(together: Path, tmp_path: Path) -> dict[str, Path]:
    """A project of each group's images, as its site would have it."""
    return project_of_each(together, tmp_path)


class Sites:
    """Each in its own folder, asked one after another."""

    def __init__(self, folders: dict[str, Path]) -> None:
        self.folders, self.open = folders, contextlib.ExitStack()
        self.sites = {name: Site(load_params(), self.open) for name in folders}

    def ask(self, content: Content, but: tuple[str, ...] = ()) -> dict[str, Content]:
        answers = {}
        for name, folder in self.folders.items():
            if name not in but:
                tensors = {key: value.clone() for key, value in content[0].items()}
                with contextlib.chdir(folder):
                    weights, about = self.sites[name].answer(tensors, content[1])
                answers[name] = {key: value.clone() for key, value in weights.items()}, about
        return answers


@pytest.fixture
def sites(apart: dict[str, Path]) -> Iterator[Sites]:
    found = Sites(apart)
    with found.open:
        yield found


def federation(course: Course | None = None) -> Federation:
    return Federation(TrainKeys.of(load_params()), 0, NAMES, course or Course())


def held(
    found: Federation, sites: Sites, but: Callable[[int], tuple[str, ...]] = lambda number: (), most: int = 100
) -> Federation:
    """The federation after all rounds, or `most`; `but` names the sites that do not answer."""
    content: Content | None = found.first()
    for number in range(most):
        answers = sites.ask(content, but(number))
        for name, answer in answers.items():
            found.check(name, answer)
        content = found.round_done(answers)
        if content is None:
            break
    return found


def set_values(apart: dict[str, Path], values: dict[str, Any]) -> None:
    """In the server's params.yaml; what sites have there does not count."""
    edit.write(Path("params.yaml"), values)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"federated.local_epochs": 2, "optim.name": "sgd", "loss.class_weights": "median", "model.dropout": 0.3},
        {"optim.schedule": "plateau", "optim.patience": 1, "train.accumulate": 1, "train.precision": "bf16"},
        {"train.early_stop": 1, "optim.lr": 0.5, "loss.class_weights": "log"},
    ],
    ids=["plain", "local epochs", "plateau", "early stop"],
)
def test_sites_apart_come_to_the_weights_of_one_place(sites: Sites, apart: dict[str, Path], values: dict[str, Any]) -> None:
    set_values(apart, values)
    found = held(federation(), sites)
    training = train.prepare(TrainKeys.of(load_params()), 0)
    best = loop.fit(training.run)
    history = training.run.progress.history
    assert len(found.course.history) == len(history)
    assert bytes_of(found.course.best_weights) == bytes_of(best.weights)
    assert found.course.best_epoch == best.epoch
    for own, one_place in zip(found.course.history, history, strict=True):
        assert own.pop("sites") == 3
        assert [*sorted(own)] == [*sorted(one_place)]
        # Sums of the losses are added in another order; counts of pixels are whole numbers.
        assert own == pytest.approx(one_place, rel=1e-5)
        assert {name: own[name] for name in own if name.endswith(("miou", "_dice"))} == {
            name: one_place[name] for name in one_place if name.endswith(("miou", "_dice"))
        }


def test_a_round_goes_on_without_a_site_and_takes_it_in_again(sites: Sites) -> None:
    found = held(federation(), sites, lambda number: ("south",) if number == 2 else ())
    assert [record["sites"] for record in found.course.history] == [3, 2, 3, 3]
    assert "site3_dice" not in found.course.history[0] and "site3_dice" in found.course.history[-1]
    assert found.course.best_epoch > 0, "the first round was scored on fewer images"


def test_a_restarted_server_goes_on_to_the_same_bytes(sites: Sites) -> None:
    whole = held(federation(), sites)
    stopped = held(federation(), sites, most=3)
    assert 0 < stopped.course.number < 4
    other = held(federation(Course.from_bytes(stopped.course.to_bytes())), sites)
    assert bytes_of(other.course.best_weights) == bytes_of(whole.course.best_weights)
    assert [[*record.items()] for record in other.course.history] == [[*record.items()] for record in whole.course.history]


def test_a_restarted_server_keeps_the_class_weights_though_a_site_is_missing(sites: Sites, apart: dict[str, Path]) -> None:
    set_values(apart, {"loss.class_weights": "median"})
    stopped = held(federation(), sites, most=2)
    other = held(federation(Course.from_bytes(stopped.course.to_bytes())), sites, lambda number: ("south",), most=1)
    assert other.weights_of_classes == stopped.weights_of_classes
    assert held(federation(), sites, lambda number: ("south",), most=1).weights_of_classes != stopped.weights_of_classes


def test_every_round_can_be_saved(sites: Sites) -> None:
    found = federation()
    content: Content | None = found.first()
    while content is not None:
        content = found.round_done(sites.ask(content))
        again = Course.from_bytes(found.course.to_bytes())
        assert bytes_of(again.weights) == bytes_of(found.course.weights) and again.best_rank == found.course.best_rank


def test_sites_whose_classes_differ_are_refused_before_anything_is_trained(sites: Sites) -> None:
    found = federation()
    answers = sites.ask(found.first())
    answers["north"][1]["described"]["classes"][1] = "whale"
    with pytest.raises(PipelineError, match=r"same classes in the same order.*east: background, fish.*north: background, whale"):
        found.round_done(answers)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda about: about.update(more=1), "more: Extra inputs"),
        (lambda about: about["trained"].update(seen=-1), "trained.seen: "),
        (lambda about: about["trained"]["sums"].update(loss=float("nan")), "trained.sums.loss: "),
        (lambda about: about["trained"]["sums"].pop("loss"), "no losses of the round"),
        (lambda about: about.update(trained=None), "no losses of the round"),
        (lambda about: about["described"].update(bits=16), "channels of 16 bits, and that of the others"),
        (lambda about: about["described"]["class_counts"].pop(), "other classes or channels than it names"),
        (lambda about: about["numbers"]["counts"][0].pop(), "counts of pixels"),
        (lambda about: about["numbers"]["counts"][0].__setitem__(0, -5), "numbers.counts.0.0: "),
        (lambda about: about["numbers"].update(dice_per_image=[1.0, -1]), "numbers.dice_per_image.1: "),
    ],
)
def test_an_answer_that_is_none_is_refused_in_a_sentence(sites: Sites, change: Callable[[Any], None], reason: str) -> None:
    found = held(federation(), sites, most=2)
    assert found.asked.train and found.asked.validate_first
    answers = sites.ask((found.course.weights, found.asked.model_dump(mode="json")))
    found.check("north", answers["north"])
    change(answers["north"][1])
    with pytest.raises(RefusedError, match=reason):
        found.check("north", answers["north"])


def test_sites_without_an_image_to_train_on_are_told_so(sites: Sites) -> None:
    found = federation()
    answers = sites.ask(found.first())
    for _, about in answers.values():
        about["described"] |= {"counted_images": 0, "train_images": 0, "channel_sums": [[0, 0, 0]] * 3}
    with pytest.raises(PipelineError, match="no site has an image to train on"):
        found.round_done(answers)


def test_a_server_that_asks_for_anything_else_ends_the_site(sites: Sites, apart: dict[str, Path]) -> None:
    site = next(iter(sites.sites.values()))
    with contextlib.chdir(apart["east"]), pytest.raises(PipelineError, match="does not know"):
        site.answer({}, {"run": "rm -rf"})


def test_the_sites_learn(sites: Sites) -> None:
    found = held(federation(), sites)
    losses = [record["train_loss"] for record in found.course.history]
    assert losses[-1] < losses[0]
    assert all(bool(torch.isfinite(value).all()) for value in found.course.best_weights.values())
