"""Images in, class masks and what is made of them out, with a torch or an ONNX model."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from segpipe import paths
from segpipe.annotations.items import Item
from segpipe.console.progress import track
from segpipe.dataset import pack
from segpipe.errors import DataError, PipelineError
from segpipe.images import tiff_rows
from segpipe.images.decode import decode_image
from segpipe.images.rows import Rows
from segpipe.inference import written
from segpipe.inference.attention_maps import has_attention
from segpipe.inference.predict import has_rows_to_spare
from segpipe.inference.written import Written
from segpipe.models import origin
from segpipe.models.model_file import Card
from segpipe.models.segmenter import Segmenter
from segpipe.params.architectures import ARCHITECTURES
from segpipe.reproducibility import code_hash
from segpipe.reproducibility.fingerprint import data_hash
from segpipe.storage.byte_source import ByteSource, FileRange
from segpipe.storage.files import sha256_of
from segpipe.training import device as devices
from segpipe.workflows import predict_inputs, predictor
from segpipe.workflows import predict_outputs as outputs
from segpipe.workflows.predict_outputs import TrustRow
from segpipe.workflows.predictor import Predictor

SHOWN = 3
"""The least trusted images, which the last line names."""


def predict(
    inputs: Sequence[Path], models: Sequence[Path], folds: bool, out: Path, kinds: Sequence[str], device: str
) -> tuple[str, str]:
    """Writes what the `kinds` say below OUT, and OUT/trust.csv; returns what was written, and what to look at.

    Several `models`, or those of all `folds`, are averaged; none named is the exported one. What is there already, as it was
    written, of the same image and by the same models, is not predicted again.
    Raises PipelineError that names every image which was left out, after the others were predicted.
    """
    files, kinds = _files(models, folds), outputs.in_order(kinds)
    found = predict_inputs.find(inputs)
    table = written.read(out)
    predict_inputs.require_writable(found, table, kinds)
    loaded, looks = _model(files, device, "attention" in kinds)
    # The first write, after all that could refuse the whole run.
    table.begin()
    decides = _decides(files, loaded)
    problems: list[str] = []
    made_from: dict[str, str] = {}
    n_there = 0
    for item in track(found.items, "predicting"):
        try:
            of = sha256(f"{decides} {_sha256(item.image)}".encode()).hexdigest()
            if outputs.is_there(item, kinds, table, of):
                n_there += 1
            else:
                _predict_one(item, table, loaded, looks, kinds, of)
            made_from[item.id] = of
        except DataError as problem:
            problems.append(str(problem))
        except OSError as error:
            problems.append(f"{item.source}: cannot be read: {error.strerror or error}.")
    trust = outputs.write_tables(made_from, kinds, table) if made_from else []
    table.end()
    if problems:
        raise PipelineError("\n".join([*problems, f"{len(problems)} images were left out; {len(trust)} are in {out}."]))
    return _said(out, kinds, trust, n_there)


def _said(out: Path, kinds: Sequence[str], trust: Sequence[TrustRow], n_there: int) -> tuple[str, str]:
    """What was written, and what to look at."""
    there = f", {n_there} of them there already" if n_there else ""
    folders = [kind for kind in kinds if kind in outputs.SUFFIXES]
    *first, last = (f"{out}/{name}" for name in [*folders, *outputs.tables(kinds)])
    where = f"{' and '.join([', '.join(first), last] if first else [last])}, {len(trust)} images{there}"
    # Pictures rather than what programs read.
    shown = [kind for kind in folders if kind in ("overlays", "attention")] or folders[-1:] or outputs.tables(kinds)
    least = ", ".join(f"{row.image} ({row.trust:.2f})" for row in trust[:SHOWN])
    n_empty = sum(not row.objects for row in trust)
    empty = f"; in {n_empty} images nothing was found" if n_empty else ""
    return where, f"look at {out}/{shown[-1]}, first at the least trusted: {least}{empty}"


def _files(models: Sequence[Path], folds: bool) -> list[Path]:
    """Raises PipelineError for --folds beside --model, or without a trained fold."""
    if not folds:
        return [*models] or [paths.ONNX]
    if models:
        raise PipelineError("--folds takes the models of all folds, and --model names others. Give one of the two.")
    found = [paths.model_file(fold) for fold in paths.trained_folds()]
    if not found:
        raise PipelineError("--folds: no models/foldN/model.safetensors here. Run `dvc repro train`, or name files with --model.")
    return found


def _model(files: Sequence[Path], requested: str, attention: bool) -> tuple[Predictor, Segmenter | None]:
    """The model, or the mean of several, and with `attention` the one to ask for it.

    It computes with the threads it was trained with. Raises PipelineError for a model that has no attention to show, for
    an ONNX model that is to run on a GPU, and for models that do not fit one another or the project that this is run in.
    """
    exported = next((path for path in files if path.suffix == ".onnx"), None)
    if requested == "cuda" and exported:
        raise PipelineError(
            f"--device cuda: {exported} is an ONNX model, which runs on the CPU. Leave --device out, or name the torch model: "
            "--model models/fold0/model.safetensors."
        )
    if attention and len(files) > 1:
        raise PipelineError(f"--write attention: {len(files)} models look each at something else. Name one of them.")
    if attention and exported:
        raise PipelineError(
            f"--write attention: {exported} gives logits alone. Name the torch model: --model models/fold0/model.safetensors."
        )
    members = [predictor.load(path, "cpu" if exported else requested) for path in files]
    for path, each in zip(files, members, strict=True):
        _require_this_project(path, each.card)
    loaded = predictor.averaged(members, [*map(str, files)])
    devices.configure_determinism(loaded.card.training["params"]["threads"], deterministic=True)
    looks = loaded.members[0]
    if not attention or not isinstance(looks, Segmenter):
        return loaded, None
    _require_attention(looks, loaded.card)
    return loaded, looks


def _require_this_project(path: Path, card: Card) -> None:
    """Raises PipelineError for a model of other classes or images than those of the project that this is run in.

    Warns where they are alike and the data has changed since. Outside a project there is nothing to hold it against.
    """
    if not (paths.PREPARED / "dataset.json").is_file():
        return
    if reasons := origin.differences(card, pack.read_info(paths.PREPARED)):
        raise PipelineError(
            f"{path} is not a model of this project's data ({paths.PREPARED}): {'; '.join(reasons)}. "
            "Run `dvc repro export` for one that is, or run this in another folder, where there is no such data."
        )
    now = data_hash(paths.PREPARED) if (paths.PREPARED / "index.csv").is_file() else None
    if now and card.training.get("data", now) != now:
        print(f"warning: {path} was trained before {paths.PREPARED} changed; `dvc repro` trains it again", file=sys.stderr)


def _require_attention(segmenter: Segmenter, card: Card) -> None:
    if not has_attention(segmenter):
        *others, last = (name for name, record in ARCHITECTURES.items() if record.has_attention)
        raise PipelineError(
            f"--write attention: a {card.model.name} has no attention maps. "
            f"Train one that has some: model.name {', '.join(others)} or {last}."
        )


def _decides(files: Sequence[Path], model: Predictor) -> str:
    """All that decides a result beside the image: models, their order, the kind of device, and what the code says."""
    code = code_hash.code_hash(code_hash.ROOTS, [__name__])
    return " ".join([*map(sha256_of, files), model.device.type, code])


def _sha256(image: ByteSource) -> str:
    if isinstance(image, FileRange) and image.size is None:
        # Not read into memory whole: it may be a large one.
        return sha256_of(image.file)
    return sha256(image.read()).hexdigest()


def _predict_one(
    item: Item, out: Written, model: Predictor, looks: Segmenter | None, kinds: Sequence[str], made_from: str
) -> None:
    """One image and all that is written of it. Raises DataError for one that cannot be read or does not fit."""
    with _opened(item, model.card) as image:
        outputs.write(outputs.find(item, image, model, kinds), kinds, out, model, looks, made_from)


@contextlib.contextmanager
def _opened(item: Item, card: Card) -> Iterator[Rows]:
    """The image (H, W, C); of a large TIFF that is cut into tiles, no more is read than is asked for.

    Raises DataError for one that cannot be read, and for another kind than the model knows.
    """
    source = item.image
    if isinstance(source, FileRange) and source.size is None:
        with tiff_rows.opened(source.file, item.source) as rows:
            if rows and has_rows_to_spare(rows.shape, card.infer, card.long_side):
                predictor.require_kind(rows.shape[2], 8 * rows.dtype.itemsize, card, item.source)
                yield replace(rows, as_rgb=rows.shape[2] < card.channels)
                return
    yield predictor.fit(decode_image(source.read(), item.source), card, item.source)
