"""Stage convert: any annotation to the canonical pack in data/prepared, after a full check that data/doctor keeps."""

from pathlib import Path

from segpipe.console import command
from segpipe.params.load import load_params
from segpipe.storage import workspace

PREPARED = Path("data/prepared")
DOCTOR = Path("data/doctor")


def main() -> None:
    """Checks every image and annotation, tells all problems at once, and packs what is sound."""
    data = load_params().data

    from segpipe.acquire.sample import pictures as sample
    from segpipe.annotations import convert
    from segpipe.annotations.checks import files as doctor_files
    from segpipe.dataset import pack
    from segpipe.storage.examination_cache import Cache

    with convert.spool_in(PREPARED) as spool:
        examination, info = convert.convert(data, sample.CLASSES, spool, cache=Cache(workspace.examined()))
        pack.write(PREPARED, examination.records, info)
        doctor_files.write(DOCTOR, examination)
    print(f"{info.n_images} images with {info.channels} channels of {info.bits} bits; classes: {', '.join(info.classes)}")
    command.done(f"{PREPARED.as_posix()}; {DOCTOR.as_posix()}/contact_sheet.png shows it", "dvc repro split")


if __name__ == "__main__":
    command.run(main)
