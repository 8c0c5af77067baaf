"""What a server asks and a site answers beside weights, as JSON that is read with bounds: no site is trusted with more."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]


class Message(BaseModel):
    """A message has all of its keys and no others, of just these types, and finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Request(Message):
    """What a site shall do with the weights that came along: score its validation images, and train a round.

    `params` are those of the training but `runtime` and `tracking`, which are the site's own; none before sites have described
    their data. `history` has the numbers of the rounds so far.
    """

    fold: Count
    params: dict[str, Any] | None = None
    round: Count = 0
    validate_first: bool = False
    train: bool = False
    history: list[dict[str, float]] = []


class Described(Message):
    """What a site says of its data: what all must have in common, how many images it has, and sums over its training images."""

    classes: list[str] = Field(min_length=1, max_length=255)
    has_background: bool
    channels: int = Field(ge=1, le=64)
    bits: int = Field(ge=1, le=16)
    train_images: Count
    counted_images: Count
    validation_images: Count
    channel_sums: list[tuple[Count, Count, Count]] = Field(max_length=64)
    class_counts: list[tuple[Count, Count]] = Field(max_length=255)
    versions: dict[str, str] = Field(max_length=256)
    code: str = Field(max_length=64)

    def in_common(self) -> dict[str, object]:
        """What must be the same at every site."""
        return {name: getattr(self, name) for name in ("classes", "has_background", "channels", "bits")}


class Numbers(Message):
    """What a site's validation images add up to: pixels by true and predicted class; of each loss, and of the Dice of single
    images, the sum and over how many images it goes.
    """

    counts: list[list[Count]]
    losses: dict[str, tuple[float, Count]] = Field(max_length=64)
    dice_per_image: tuple[float, Count]


class Trained(Message):
    """How a round's training went: the sums of the losses over the images it has `seen`, and the last learning rate."""

    sums: dict[str, float] = Field(max_length=64)
    seen: Count
    lr: float = Field(ge=0)


class Answer(Message):
    """A site's answer, beside the weights that it trained."""

    described: Described
    numbers: Numbers | None = None
    trained: Trained | None = None
