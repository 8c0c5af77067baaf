"""A small project whose images are of three sites, and a project of each site's own images."""

import zipfile
from pathlib import Path

import pandas as pd

from segpipe.storage import zips

NAMES = ("east", "north", "south")


def in_groups(project: Path) -> None:
    """Makes each image of the project one of a site's: of every four one is of east, one of north and two of south."""
    path = project / "data" / "prepared" / "index.csv"
    index = pd.read_csv(path, dtype={"group": str})
    index["group"] = [NAMES[min(row % 4, 2)] for row in range(len(index))]
    index.to_csv(path, index=False)


def project_of_each(project: Path, where: Path) -> dict[str, Path]:
    """The folders of new projects beside it, each with the images of one site in the same folds."""
    prepared = project / "data" / "prepared"
    index = pd.read_csv(prepared / "index.csv", dtype={"group": str})
    folds = pd.read_csv(project / "data" / "folds" / "folds.csv")
    found = {}
    for name, rows in index.groupby("group"):
        own, ids = where / str(name), set(rows["id"])
        (own / "data" / "prepared").mkdir(parents=True)
        (own / "data" / "folds").mkdir()
        (own / "data" / "prepared" / "dataset.json").write_bytes((prepared / "dataset.json").read_bytes())
        for shard in prepared.glob("*.zip"):
            with zipfile.ZipFile(shard) as archive:
                members = [each for each in archive.namelist() if each.rpartition(".")[0] in ids]
                zips.write_zip(own / "data" / "prepared" / shard.name, ((each, archive.read(each)) for each in members))
        rows.to_csv(own / "data" / "prepared" / "index.csv", index=False)
        folds[folds["id"].isin(ids)].to_csv(own / "data" / "folds" / "folds.csv", index=False)
        for each in ("params.yaml", "runtime.lock"):
            (own / each).write_bytes((project / each).read_bytes())
        found[str(name)] = own
    return found
