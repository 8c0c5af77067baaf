"""The model of a fold of this project, refused where it was trained on something else than lies here."""

from segpipe import paths
from segpipe.models import model_file, origin
from segpipe.models.model_file import Card
from segpipe.models.segmenter import Segmenter
from segpipe.record import DatasetInfo
from segpipe.reproducibility.fingerprint import data_hash
from segpipe.storage.files import sha256_of


def load_own_model(fold: int, info: DatasetInfo) -> tuple[Segmenter, Card]:
    """The fold's model. Raises PipelineError where it is none, or was trained on other data or folds than lie here."""
    path = paths.model_file(fold)
    segmenter, card = model_file.load(path)
    origin.require_same_data(path, card, info, data_hash(paths.PREPARED), sha256_of(paths.FOLDS), fold)
    return segmenter, card
