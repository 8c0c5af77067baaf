"""What decides a training's bytes, as one hash: the tag by which its MLflow run is found again."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segpipe.storage.files import sha256_of


def fingerprint(parts: Mapping[str, Any]) -> str:
    """SHA-256 of the parts as sorted JSON; equal parts give equal fingerprints, in whatever order they come."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode("utf-8")).hexdigest()


def data_hash(prepared: Path) -> str:
    """The hash of data/prepared: index.csv holds the hash of each image and mask, dataset.json the rest."""
    return fingerprint({name: sha256_of(prepared / name) for name in ("index.csv", "dataset.json")})


def differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> dict[str, tuple[Any, Any]]:
    """Each key, dots between levels, under which the parts of two fingerprints differ, with both values; sorted."""
    found: dict[str, tuple[Any, Any]] = {}
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found |= differences(old, new, f"{prefix}{key}.")
        elif old != new:
            found[f"{prefix}{key}"] = (old, new)
    return found
