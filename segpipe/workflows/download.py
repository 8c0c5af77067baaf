"""Brings the raw data of data.source into data/raw."""

from pathlib import Path

from segpipe import paths
from segpipe.acquire import voc_download
from segpipe.acquire.sample import pictures as sample
from segpipe.errors import PipelineError
from segpipe.params.stage_keys import DownloadKeys
from segpipe.storage.files import write_text
from segpipe.storage.workspace import partial_downloads


def download(params: DownloadKeys) -> None:
    """Makes the sample, downloads PASCAL VOC, or leaves a note that the data is the user's own.

    Raises PipelineError where the user's own data is not where data.path says, or no mirror gives VOC.
    """
    data = params.data
    if data.source == "sample":
        sample.make(paths.RAW, data.sample.n_images, data.sample.size, params.seed)
    elif data.source == "voc" and data.path == paths.RAW.as_posix():
        voc_download.download(data.voc.year, paths.RAW, partial_downloads())
    elif not Path(data.path).exists():
        raise PipelineError(f"data.path: {data.path} does not exist. Run `segpipe init PATH` with the folder of your data.")
    else:
        # Something must be written: DVC warns of a stage whose output is empty.
        note = "Nothing was downloaded: data.path in params.yaml says where the data lies.\n"
        write_text(paths.RAW / "README.txt", note)
