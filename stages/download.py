"""Stage download: fetches or makes the raw data of data.source into data/raw."""

from segpipe import paths
from segpipe.console import command
from segpipe.params.load import load_params
from segpipe.params.stage_keys import DownloadKeys


def main() -> None:
    """Makes the sample, downloads PASCAL VOC, or notes that the data is the user's own."""
    from segpipe.workflows.download import download

    download(DownloadKeys.of(load_params()))
    command.done(paths.RAW.as_posix(), "dvc repro convert")


if __name__ == "__main__":
    command.run(main)
