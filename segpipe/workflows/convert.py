"""The project's annotated images, of whatever format, as the canonical pack in data/prepared; what was found, in data/doctor."""

from segpipe import paths
from segpipe.acquire.sample import pictures as sample
from segpipe.annotations import convert as annotations
from segpipe.annotations.checks import files as doctor_files
from segpipe.dataset import pack
from segpipe.params.stage_keys import ConvertKeys
from segpipe.record import DatasetInfo
from segpipe.storage import workspace
from segpipe.storage.examination_cache import Cache


def convert(params: ConvertKeys) -> DatasetInfo:
    """What all images share. Raises PipelineError that names every problem of the data; nothing is written then."""
    with annotations.spool_in(paths.PREPARED) as spool:
        cache = Cache(workspace.examined())
        examination, info = annotations.convert(params.data, sample.CLASSES, spool, cache=cache)
        pack.write(paths.PREPARED, examination.records, info)
        doctor_files.write(paths.DOCTOR, examination)
    return info
