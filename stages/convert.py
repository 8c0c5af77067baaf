"""Stage convert: any annotation to the canonical pack in data/prepared, after a full check that data/doctor keeps."""

from segpipe import paths
from segpipe.console import command
from segpipe.params.load import load_params
from segpipe.params.stage_keys import ConvertKeys


def main() -> None:
    """Checks every image and annotation, tells all problems at once, and packs what is sound."""
    from segpipe.workflows.convert import convert

    info = convert(ConvertKeys.of(load_params()))
    print(f"{info.n_images} images with {info.channels} channels of {info.bits} bits; classes: {', '.join(info.classes)}")
    command.done(f"{paths.PREPARED.as_posix()}; {paths.DOCTOR.as_posix()}/contact_sheet.png shows it", "dvc repro split")


if __name__ == "__main__":
    command.run(main)
