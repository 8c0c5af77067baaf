"""Stage convert: any annotation to the canonical pack in data/prepared, after a full check."""

from pathlib import Path

from segpipe import command, params

PREPARED = Path("data/prepared")


def main() -> None:
    """Checks every image and annotation, tells all problems at once, and packs what is sound."""
    data = params.load().data

    from segpipe.annotations import convert, sample
    from segpipe.dataset import pack

    records, info = convert.convert(data, sample.CLASSES)
    pack.write(PREPARED, records, info)
    print(f"{info.n_images} images with {info.channels} channels of {info.bits} bits; classes: {', '.join(info.classes)}")
    command.done(PREPARED.as_posix(), "dvc repro split")


if __name__ == "__main__":
    command.run(main)
