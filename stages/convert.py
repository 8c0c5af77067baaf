"""Stage convert: any annotation to the canonical pack in data/prepared, after a full check that data/doctor keeps."""

from pathlib import Path

from segpipe import command, params, workspace

PREPARED = Path("data/prepared")
DOCTOR = Path("data/doctor")


def main() -> None:
    """Checks every image and annotation, tells all problems at once, and packs what is sound."""
    data = params.load().data

    from segpipe.annotations import convert
    from segpipe.annotations.doctor import files as doctor_files
    from segpipe.annotations.sample import pictures as sample
    from segpipe.cache import Cache
    from segpipe.dataset import pack

    with convert.spool_in(PREPARED) as spool:
        examination, info = convert.convert(data, sample.CLASSES, spool, cache=Cache(workspace.examined()))
        pack.write(PREPARED, examination.records, info)
        doctor_files.write(DOCTOR, examination)
    print(f"{info.n_images} images with {info.channels} channels of {info.bits} bits; classes: {', '.join(info.classes)}")
    command.done(f"{PREPARED.as_posix()}; {DOCTOR.as_posix()}/contact_sheet.png shows it", "dvc repro split")


if __name__ == "__main__":
    command.run(main)
