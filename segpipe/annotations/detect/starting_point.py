"""Parameters that suit a data set, each with its reason: a start that trains at once, to be improved by experiments.

The rules come from docs/explanation/defaults.md, whose tables bench/defaults.py printed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segpipe.annotations.crop import crop_of
from segpipe.annotations.detect.object_sizes import ObjectSize
from segpipe.annotations.examination.result import Examination
from segpipe.annotations.name_groups import suggest_pattern
from segpipe.errors import plain
from segpipe.images.resize import shrunk_size
from segpipe.record import Record, is_background

LEARNING_RATE = 0.001
PHOTO_CHANNELS = (1, 3)
MODEL = "laplacian_fpn"
STRIDE = 32
"""That of MODEL."""
STEPS = 1500
"""Optimizer steps of a first training whose time nobody has set (`init --minutes`)."""
FEW_PASSES = 10
"""Where fewer fit, the training is cut into so many epochs of steps: a pass more or less would miss the time by much."""
MOST_EPOCHS = 300
"""Of that training."""
LARGEST_CROP = {False: 192, True: 512}
"""Pixels, without and with a GPU."""
LARGEST_BATCH = {False: 8, True: 16}
"""Images: on a CPU a larger batch takes as much longer as it is larger, and steps are what a short training lacks."""
LEAST_BATCH = 4
"""Images, where the memory allows: batch normalisation over fewer is mostly noise."""
BYTES_A_PIXEL = 4000
"""Memory that training takes for each pixel of a batch: the activations of a network on EfficientNet-Lite0 in float32, and
what the augmentation holds."""
RARE = 0.01
THINNEST = 4
"""Pixels: what is thinner is lost in a network whose first layer halves the image, so nothing is shrunk below it."""
LARGEST_OBJECT = 0.5
"""Share of a crop's side: an object of more is seen through a keyhole, and its class is guessed from its texture."""
LEAST_SIDE = 2
"""Crops that the shorter side holds at least: fewer leave a random crop no choice, and edges no sharpness."""
FEW_VIEWS = 40
"""Crops that show a pixel in the course of a training: where they are fewer, much augmentation slows the learning down."""
FEW_CROPS = 250
"""What holds all images side by side: where it is less, they are soon known, and what is new has to come from augmentation."""
LEAST_SHRINKING = 0.6
"""To shrink an image by less saves little time and costs sharpness: towns from above learned better at 1 than at 0.75."""

SMALL = 144
"""Pixels: images of shorter sides up to it are shown to the network twice as large. Half of the largest crop on a CPU is still
two thirds of them, so that a step of the same time learns nearly as much of an image, and its edges better."""


@dataclass(frozen=True)
class Advice:
    """A key of params.yaml by its dotted name, the value it should have, and why, in a few words."""

    key: str
    value: Any
    reason: str


@dataclass(frozen=True)
class Machine:
    """What training will run on: whether there is a GPU, and the bytes of its memory or the computer's."""

    has_gpu: bool
    memory: int


def suggest_training(
    examination: Examination, machine: Machine, sizes: Mapping[int, ObjectSize], whole_passes: bool = False
) -> list[Advice]:
    """What the images ask for, and the model; `sizes` are those of each class's objects, where any were measured.

    With `whole_passes` an epoch is one, as strategies other than `single` need it.
    """
    records = examination.records
    long_side = _long_side(examination, sizes, LARGEST_CROP[machine.has_gpu])
    scale = _input_scale(records)
    crop = _crop(records, machine, STRIDE, long_side.value, scale.value)
    batch = _batch(records, crop.value * scale.value, machine)
    epochs, passes = _epochs(records, batch.value, whole_passes or machine.has_gpu)
    augment = suggest_augment(examination, passes, crop.value, long_side.value)
    of_classes = [_class_weights(examination), augment, _monitor(examination)]
    training = [batch, *epochs, _learning_rate(), _normalise(records)]
    return [*_model(), scale, long_side, crop, *training, *of_classes, _flips()]


def suggest_augment(examination: Examination, passes: float, crop: int, long_side: int) -> Advice:
    """Stronger where a training of so many passes sees its images often, without colours where they are measurements, on
    objects where most crops would miss them.
    """
    records = examination.records
    # Without a background there is something in every crop, and class weights do the rest.
    rare = {name: share for name, share in _shares(examination).items() if share < RARE and is_background(examination.classes[0])}
    if records[0].bits == 16 or max(record.channels for record in records) not in PHOTO_CHANNELS:
        return Advice("augment.preset", "medical", "values are measurements, so no change of colour")
    light, seen = _seldom(records, passes, crop, long_side)
    if rare:
        name = min(rare, key=lambda each: rare[each])
        share = f"{name} covers {100 * rare[name]:.2g} % of the pixels"
        return Advice("augment.preset", "light_crop" if light else "crop", f"{share}, and {seen}")
    return Advice("augment.preset", "light" if light else "standard", seen)


def suggest_groups(ids: Sequence[str]) -> list[Advice]:
    """That images belong together by their names, where these plainly show it."""
    pattern = suggest_pattern(ids)
    if pattern is None:
        return []
    names = sorted({match[1] for item in ids if (match := re.search(pattern, item))})
    reason = f"{len(names)} groups in the names, such as {plain(names[0])}".replace("]", "")
    return [Advice("split.group", "name", reason), Advice("split.group_pattern", pattern, reason)]


def _model() -> list[Advice]:
    return [
        Advice("model.name", MODEL, "context as early as in FPN, and edges at full size"),
        Advice("model.width", 16, "at full size, where channels cost most"),
        Advice("model.dropout", 0.2, "behind the pyramid"),
        Advice("model.encoder", "tu-efficientnet_lite0", "few operations a pixel"),
        Advice("model.weights", "bundled", "ImageNet weights that are a package"),
        Advice("model.weights_sha256", "none", "that of the package is known"),
    ]


def _long_side(examination: Examination, sizes: Mapping[int, ObjectSize], crop: int) -> Advice:
    """As small as most objects need to be to lie in half a crop, and as large as the thinnest class must be to be seen."""
    longest = max(max(record.width, record.height) for record in examination.records)
    if not sizes:
        return Advice("input.long_side", 0, "no objects were measured")
    thin = min(sizes, key=lambda number: sizes[number].thickness)
    largest = max(sizes.values(), key=lambda size: size.extent).extent
    thickness, name = sizes[thin].thickness, plain(examination.classes[thin]).replace("]", "")
    # A third of the images may be smaller than what the last asks for, as in `crop_of`.
    scale = max(THINNEST / thickness, LARGEST_OBJECT * crop / largest, LEAST_SIDE * crop / _small_side(examination.records))
    measured = f"objects are up to {largest:.0f} pixels long, and {name} is {thickness:.0f} thick"
    if scale > LEAST_SHRINKING:
        return Advice("input.long_side", 0, f"{measured}: nothing to gain by shrinking")
    long_side = -(-round(longest * scale) // STRIDE) * STRIDE
    return Advice("input.long_side", long_side, f"{measured}; {scale:.2f} of the size shows both")


def _input_scale(records: Sequence[Record]) -> Advice:
    """Twice where images are small: the encoder learned from photos of 224 pixels, and its first feature has half of the size."""
    side = _small_side(records)
    if side > SMALL:
        return Advice("model.input_scale", 1, f"shorter sides of {side} pixels are not small")
    return Advice("model.input_scale", 2, f"shorter sides of {side} pixels are small")


def _small_side(records: Sequence[Record]) -> int:
    """The shorter side that two thirds of the images have, at least."""
    shorter = sorted(min(record.width, record.height) for record in records)
    return shorter[len(shorter) // 3]


def _crop(records: Sequence[Record], machine: Machine, stride: int, long_side: int, input_scale: int) -> Advice:
    """As much of the shorter side as fits, in steps of the stride; `input_scale` is how much larger the network sees it."""
    sides = [min(shrunk_size(record.height, record.width, long_side)) for record in records]
    crop = crop_of(sides, stride, LARGEST_CROP[machine.has_gpu] // input_scale)
    small = sum(each < crop for each in sides)
    what = f"{small} of {len(sides)} images are smaller and get padded" if small else f"shorter sides are {min(sides)} or more"
    return Advice("input.crop", crop, f"{what}, stride {stride}, {'a GPU' if machine.has_gpu else 'no GPU'}")


def _batch(records: Sequence[Record], crop: int, machine: Machine) -> Advice:
    """A power of two that fits half of a GPU's memory, or a quarter of the computer's, and leaves several batches an epoch.

    `crop` is the side of what the network sees.
    """
    fits = machine.memory // (2 if machine.has_gpu else 4) // (crop * crop * BYTES_A_PIXEL)
    batch = LARGEST_BATCH[machine.has_gpu]
    while batch > 2 and (batch > fits or (batch > LEAST_BATCH and 8 * batch > len(records))):
        batch //= 2
    return Advice("train.batch_size", batch, f"{len(records)} images, {machine.memory / 2**30:.0f} GiB of memory")


def _epochs(records: Sequence[Record], batch: int, whole_passes: bool) -> tuple[list[Advice], float]:
    """About STEPS in all, and how often that shows each image. The steps of an epoch are said in any case: a budget of time
    (`init --minutes`) may have left its own.
    """
    given = sum(record.given == "train" for record in records)
    # Without a given split, a test part of 0.2 and one fold of five are not trained on.
    images = max(1, given or round(0.64 * len(records)))
    steps = -(-images // batch)
    if FEW_PASSES * steps > STEPS and not whole_passes:
        passes = STEPS * batch / images
        parts = Advice("train.steps_per_epoch", STEPS // FEW_PASSES, f"{passes:.2g} times all images in {FEW_PASSES} epochs")
        return [Advice("train.epochs", FEW_PASSES, f"no GPU, {STEPS} steps in all: raise it for a better model"), parts], passes
    epochs = min(MOST_EPOCHS, max(FEW_PASSES, -(-STEPS // steps)))
    count = Advice("train.epochs", epochs, f"about {steps} steps an epoch, {steps * epochs} in all")
    return [count, Advice("train.steps_per_epoch", 0, "each image once an epoch")], epochs


def _normalise(records: Sequence[Record]) -> Advice:
    if records[0].bits == 16:
        return Advice("input.normalise", "percentile", "16 bits: a few bright pixels would stretch the deviation")
    channels = max(record.channels for record in records)
    if channels not in PHOTO_CHANNELS:
        return Advice("input.normalise", "dataset", f"{channels} channels, which may differ in range")
    return Advice("input.normalise", "centred", "-1 .. 1, what the weights were trained on")


def _flips() -> Advice:
    """Two views, since every preset of `suggest_augment` mirrors left and right: a mirror image is nothing new to the model."""
    return Advice("infer.flips", "horizontal", "as training mirrors; better, for twice the time of a prediction")


def _learning_rate() -> Advice:
    return Advice("optim.lr", LEARNING_RATE, "the rate at which pretrained weights learned best")


def _class_weights(examination: Examination) -> Advice:
    """Where every pixel has a class, the rare ones count in the loss as in every mean; before a background they would grow.

    What they are worth on a set, bench/defaults.py prints: its variant init against init:loss.class_weights=none.
    """
    if is_background(examination.classes[0]):
        return Advice("loss.class_weights", "none", "weights would make objects grow into the background")
    shares = _shares(examination)
    name = min(shares, key=lambda each: shares[each])
    return Advice(
        "loss.class_weights", "log", f"no background, and {plain(name)} covers {100 * shares[name]:.2g} %".replace("]", "")
    )


def _shares(examination: Examination) -> dict[str, float]:
    """The share of all pixels that each class of objects covers; those that cover some."""
    records, classes = examination.records, examination.classes
    pixels = sum(record.width * record.height for record in records)
    objects = range(is_background(classes[0]), len(classes))
    shares = {classes[number]: sum(record.pixels[number] for record in records) / pixels for number in objects}
    return {name: share for name, share in shares.items() if share}


def _seldom(records: Sequence[Record], passes: float, crop: int, long_side: int) -> tuple[bool, str]:
    """Whether there is much to see, and a training of so many passes shows it seldom; and the number that says so."""
    sides = [shrunk_size(record.height, record.width, long_side) for record in records]
    crops = sum(height * width / (min(crop, height) * min(crop, width)) for height, width in sides)
    if crops < FEW_CROPS:
        return False, f"{round(crops)} crops hold all images"
    views = passes * len(records) / crops
    return views < FEW_VIEWS, f"a pixel is seen in about {round(views)} crops"


def _monitor(examination: Examination) -> Advice:
    classes = examination.classes
    if is_background(classes[0]):
        what = "one class of objects" if len(classes) == 2 else f"{len(classes) - 1} classes of objects"
        return Advice("train.monitor", "dice", f"{what} before a background")
    return Advice("train.monitor", "miou", "no background: every class counts alike")
