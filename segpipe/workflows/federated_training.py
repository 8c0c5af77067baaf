"""train.strategy federated, from params.yaml: which images are which site's, what is refused, what the card says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segpipe.dataset.site_batches import SiteBatches
from segpipe.errors import PipelineError
from segpipe.params.stage_keys import TrainKeys
from segpipe.storage.csv_table import csv_text
from segpipe.storage.files import write_text
from segpipe.training import federated, loop
from segpipe.workflows.epoch_order import order_of
from segpipe.workflows.strategy_parts import Parts
from segpipe.workflows.training_data import TrainingData, wholly_ignored

FEDERATED = "federated"
"""The card's entry."""
SHOWN = 3


@dataclass(frozen=True)
class Site:
    """A site's name, its training images, and those that it validates on."""

    name: str
    train_ids: list[str]
    validation_ids: list[str]


def sites(params: TrainKeys, data: TrainingData) -> list[Site]:
    """All sites in the order of their names.

    Raises PipelineError where an image has none, or fewer than two have images to train on.
    """
    train, validation = (_by_site(params, data, ids) for ids in (data.train_ids, data.validation_ids))
    if len(train) < 2:
        raise PipelineError(
            f"train.strategy: federated, but all training images are of one site, {', '.join(train)} (federated.sites: "
            f"{params.federated.sites}). {_remedy(params)}"
        )
    return [Site(name, train.get(name, []), validation.get(name, [])) for name in sorted({*train, *validation})]


def order(params: TrainKeys, data: TrainingData) -> SiteBatches:
    """The batches of a round; the preset of `augment` is resolved."""
    learning = [order_of(params, data, site.train_ids) for site in sites(params, data) if site.train_ids]
    return SiteBatches(learning, params.federated.local_epochs)


def validated_apart(params: TrainKeys, data: TrainingData) -> list[list[str]]:
    """The validation images of each site, in the order of all sites."""
    return [site.validation_ids for site in sites(params, data)]


def prepare(run: loop.Run, params: TrainKeys, data: TrainingData, parts: Parts) -> loop.Run:
    """The run whose epochs are rounds."""
    batches = order(params, data)
    learning = [site.train_ids for site in sites(params, data) if site.train_ids]
    images = [len(ids) - len(wholly_ignored(data.pack, ids)) for ids in learning]
    return federated.prepare(replace(run, batches=parts.batches(batches)), parts.kept, batches, images, parts.scaler)


def record(params: TrainKeys, data: TrainingData) -> dict[str, Any]:
    """The card's entry, by FEDERATED: how many images each site has to train and to validate on."""
    counts = {site.name: {"train": len(site.train_ids), "validation": len(site.validation_ids)} for site in sites(params, data)}
    return {FEDERATED: {"sites": counts, "local_epochs": params.federated.local_epochs}}


def notes(training: Mapping[str, Any], rounds: int) -> list[str]:
    """What a person should know before the training starts; `training` is that of its card."""
    if FEDERATED not in training:
        return []
    entry = training[FEDERATED]
    counts = ", ".join(f"{name} {count['train']}" for name, count in entry["sites"].items())
    return [f"federated: {rounds} rounds of {entry['local_epochs']} epochs at each site, by images to train on: {counts}"]


def write_sites(path: Path, training: Mapping[str, Any], best: loop.Record) -> None:
    """Writes a row a site: its images, and what it scored in the epoch that is kept. Nothing where there are no sites."""
    if FEDERATED not in training:
        return
    rows = []
    for number, (name, count) in enumerate(training[FEDERATED]["sites"].items(), start=1):
        own = f"site{number}_"
        scored = {key.removeprefix(own): value for key, value in best.items() if key.startswith(own)}
        rows.append({"site": name, "train_images": count["train"], "validation_images": count["validation"]} | scored)
    columns = [*dict.fromkeys(name for row in rows for name in row)]
    write_text(path, csv_text(columns, ([row.get(name, "") for name in columns] for row in rows)))


def _by_site(params: TrainKeys, data: TrainingData, ids: Sequence[str]) -> dict[str, list[str]]:
    names = {item: item.rpartition("/")[0].partition("/")[0] for item in ids}
    if params.federated.sites == "group":
        names = {str(item): str(group) for item, group in data.pack.index.loc[list(ids), "group"].items()}
    if lost := [item for item, name in names.items() if not name]:
        listed = ", ".join(lost[:SHOWN]) + (", ..." if len(lost) > SHOWN else "")
        raise PipelineError(
            f"train.strategy: federated, but {len(lost)} images are of no site ({listed}; federated.sites: "
            f"{params.federated.sites}). {_remedy(params)}"
        )
    found: dict[str, list[str]] = {}
    for item in ids:
        found.setdefault(names[item], []).append(item)
    return found


def _remedy(params: TrainKeys) -> str:
    if params.federated.sites == "group":
        return "data.groups says which images belong together. Or write folder, and put the images of each site into a folder."
    return "Put the images of each site into a folder. Or write group, where data.groups says which images belong together."
