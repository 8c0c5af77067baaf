"""Stage download: fetches or makes the raw data of data.source into data/raw."""

from pathlib import Path

from segpipe.console import command
from segpipe.errors import PipelineError
from segpipe.params.load import load_params
from segpipe.storage.files import write_text

RAW = Path("data/raw")


def main() -> None:
    """Makes the sample, downloads PASCAL VOC, or notes that the data is the user's own."""
    every = load_params()
    data = every.data
    if data.source == "sample":
        from segpipe.acquire.sample import pictures as sample

        sample.make(RAW, data.sample.n_images, data.sample.size, every.seed)
    elif data.source == "voc" and data.path == RAW.as_posix():
        from segpipe.acquire import voc_download
        from segpipe.storage.workspace import partial_downloads

        voc_download.download(data.voc.year, RAW, partial_downloads())
    elif not Path(data.path).exists():
        raise PipelineError(f"data.path: {data.path} does not exist. Run `segpipe init PATH` with the folder of your data.")
    else:
        write_text(RAW / "README.txt", "Nothing was downloaded: data.path in params.yaml says where the data lies.\n")
    command.done(RAW.as_posix(), "dvc repro convert")


if __name__ == "__main__":
    command.run(main)
