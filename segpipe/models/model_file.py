"""A trained model as one safetensors file that says all that prediction needs: no pickle, the same bytes each time."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, NotRequired

from pydantic import Field, TypeAdapter, ValidationError
from torch import Tensor
from typing_extensions import TypedDict  # pydantic reads no other before Python 3.12

from segpipe.errors import PipelineError
from segpipe.models.segmenter import Segmenter
from segpipe.models.whole_model import whole_model
from segpipe.params.decision import ARGMAX, Decision
from segpipe.params.schema import InferParams, ModelParams
from segpipe.reproducibility import versions
from segpipe.storage import checksummed
from segpipe.storage.files import write_bytes

LATER: Mapping[str, dict[str, Any]] = {"infer": {"flips": "none", "scales": [1.0]}, "model": {"input_scale": 1}}
"""Keys that a section of the card was given later, with what models from before are."""


class Recorded(TypedDict):
    """What must be right in a card's `training`, of which the rest is only shown."""

    params: "Threads"
    versions: NotRequired[dict[str, str]]
    class_weights: NotRequired[list[Annotated[float, Field(ge=0, allow_inf_nan=False)]]]


class Threads(TypedDict):
    """Of the training's parameters those that prediction computes with."""

    threads: Annotated[int, Field(ge=1, le=256)]
    input: NotRequired["Input"]


class Input(TypedDict):
    """Of the training's rules for input values, the one that prediction repeats."""

    normalise: NotRequired[str]


@dataclass(frozen=True)
class Card:
    """What a model file says of itself. No path, time or core count: they would change its bytes.

    A seal is no signature, so the bounds hold for files of others too: no card can ask for a network of any size.
    """

    classes: Annotated[tuple[str, ...], Field(min_length=1, max_length=255)]
    has_background: bool
    channels: Annotated[int, Field(ge=1, le=64)]
    bits: int
    long_side: Annotated[int, Field(ge=0)]
    model: ModelParams
    infer: InferParams
    fingerprint: str
    fold: int
    training: dict[str, Any]
    decision: Decision = ARGMAX

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"model": self.model.model_dump(), "infer": self.infer.model_dump()}

    def without_flips(self) -> "Card":
        """The card of what averages over the flips of infer.flips by itself: who predicts with it is not to do so again."""
        return replace(self, infer=self.infer.model_copy(update={"flips": "none"}))

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Card":
        """Raises ValueError for what `to_dict` did not give. Models from before a key of LATER were as that says."""
        for section, keys in LATER.items():
            if isinstance(content.get(section), dict):
                content = content | {section: keys | content[section]}
        try:
            card = TypeAdapter(cls).validate_python(content)
            TypeAdapter(Recorded).validate_python(card.training)
        except ValidationError as error:
            first = error.errors()[0]
            raise ValueError(f"its card's {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        return card


def save(path: Path, segmenter: Segmenter, card: Card) -> None:
    """Writes weights and card; equal weights and cards give equal bytes."""
    save_weights(path, segmenter.state_dict(), card)


def save_weights(path: Path, weights: Mapping[str, Tensor], card: Card) -> None:
    """Writes the weights of the card's model, by their names in its state dict."""
    write_bytes(path, checksummed.seal(weights, card.to_dict()))


def load(path: Path) -> tuple[Segmenter, Card]:
    """The model on the CPU, ready to predict; warns of libraries that differ from those it was trained with.

    Raises PipelineError for a file that is none of ours or damaged, and for weights that are not finite.
    """
    try:
        tensors, about = checksummed.opened(path.read_bytes())
        card = Card.from_dict(about)
        segmenter = _made(path, card)
        segmenter.load_state_dict(tensors)
    # Whatever a file of another program raises on the way; load_state_dict's is RuntimeError.
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise _refusal(path, error) from None
    require_finite({name: tensor.isfinite().all() for name, tensor in tensors.items()}, path.as_posix())
    versions.compare(card.training.get("versions", {}), path.as_posix())
    return segmenter.eval(), card


def require_finite(finite: Mapping[str, object], name: str) -> None:
    """Raises PipelineError that names the tensors of the model file `name` which hold a NaN or an infinite number.

    `finite` says of each tensor whether it has none. Such a file may be whole, every byte of it, and still predict nothing.
    """
    broken = [tensor for tensor, good in finite.items() if not good]
    if broken:
        listed = ", ".join(broken[:3]) + (f" and {len(broken) - 3} more" if len(broken) > 3 else "")
        raise PipelineError(
            f"{name}: it holds numbers that are not finite (in {listed}), so it predicts nothing. "
            "Train it again with `dvc repro --force train`, or take another model."
        )


def _refusal(path: Path, error: Exception) -> PipelineError:
    if isinstance(error, FileNotFoundError):
        return PipelineError(f"{path}: no such model. Run `dvc repro train`, or name the file with --model.")
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    return PipelineError(f"{path}: not a model of segpipe, or damaged ({reason}). Bring it back with `dvc checkout`.")


def _made(path: Path, card: Card) -> Segmenter:
    """Raises PipelineError where the libraries here have no such network: the file is whole, and fetching it anew is no help."""
    try:
        return empty(card)
    except PipelineError as error:
        raise PipelineError(
            f"{path}: its network cannot be made here. {error} It was trained with another version of segpipe or a library: "
            "`pip install -r requirements.lock`, as that lies beside the params.yaml of its training."
        ) from None


def empty(card: Card) -> Segmenter:
    """The architecture that the card describes, with weights yet to be loaded."""
    # The file itself brings the encoder's weights: nothing is to be downloaded.
    params = card.model.model_copy(update={"weights": "none"})
    normalise = card.training["params"].get("input", {}).get("normalise", "")
    # Placeholders: as buffers they come with the weights.
    mean, deviation = [0.0] * card.channels, [1.0] * card.channels
    return whole_model(params, card.channels, len(card.classes), normalise, mean, deviation)[0]
