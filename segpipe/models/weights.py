"""A trained model as one safetensors file that says all that prediction needs: no pickle, the same bytes each time."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from segpipe.errors import PipelineError
from segpipe.files import write_with
from segpipe.models.segmenter import Segmenter, n_logits_for
from segpipe.models.table import build
from segpipe.params import InferParams, ModelParams

KEY = "segpipe"
"""The one metadata key: safetensors writes several in a random order."""


@dataclass(frozen=True)
class Card:
    """What a model file says of itself. No path, time or core count: they would change its bytes."""

    classes: tuple[str, ...]
    has_background: bool
    channels: int
    bits: int
    long_side: int
    model: ModelParams
    infer: InferParams
    fingerprint: str
    fold: int
    training: dict[str, Any]

    def to_json(self) -> str:
        """Sorted JSON, one line."""
        content = asdict(self) | {"model": self.model.model_dump(), "infer": self.infer.model_dump()}
        return json.dumps(content, sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Card":
        """Raises ValueError or TypeError for what `to_json` did not write."""
        content = json.loads(text)
        content["classes"] = tuple(content["classes"])
        content["model"] = ModelParams(**content["model"])
        content["infer"] = InferParams(**content["infer"])
        return cls(**content)


def save(path: Path, segmenter: Segmenter, card: Card) -> None:
    """Writes weights and card; equal weights and cards give equal bytes."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in segmenter.state_dict().items()}
    write_with(path, lambda temporary: save_file(tensors, temporary, metadata={KEY: card.to_json()}))


def load(path: Path) -> tuple[Segmenter, Card]:
    """The model on the CPU, ready to predict. Raises PipelineError for a file that is none of ours or damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            card = Card.from_json((file.metadata() or {})[KEY])
        segmenter = empty(card)
        segmenter.load_state_dict(load_file(path))
    except FileNotFoundError:
        raise PipelineError(f"{path}: no such model. Run `dvc repro train`, or name the file with --model.") from None
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise PipelineError(
            f"{path}: not a model of segpipe, or damaged ({reason}). Bring it back with `dvc checkout`."
        ) from None
    return segmenter.eval(), card


def empty(card: Card) -> Segmenter:
    """The architecture that the card describes, with weights yet to be loaded."""
    params = card.model.model_copy(update={"weights": "none"})
    built = build(params, card.channels, n_logits_for(len(card.classes)))
    return Segmenter(built.network, built.stride, [0.0] * card.channels, [1.0] * card.channels)
