"""The table of formats: what `data.source` names, and who reads it."""

from collections.abc import Sequence
from pathlib import Path

from segpipe.annotations.formats.coco import source as coco
from segpipe.annotations.formats.labelme import source as labelme
from segpipe.annotations.formats.masks import source as masks
from segpipe.annotations.formats.voc import source as voc
from segpipe.annotations.formats.yolo import source as yolo
from segpipe.annotations.items import Source
from segpipe.params.schema import DataParams


def source_of(data: DataParams, root: Path, sample_classes: Sequence[str]) -> Source:
    """The data set under `root` as its format sees it. Raises PipelineError where `root` holds no such thing."""
    match data.source:
        case "sample":
            return labelme.source(root, data, sample_classes)
        case "labelme":
            return labelme.source(root, data, data.labelme.classes)
        case "voc":
            return voc.source(root, data)
        case "masks":
            return masks.source(root, data)
        case "coco":
            return coco.source(root, data)
        case "yolo":
            return yolo.source(root, data)
