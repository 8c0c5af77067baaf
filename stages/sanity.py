"""Stage sanity: whether the training can learn what it is given; it stops the pipeline where it cannot, and says why."""

from segpipe import paths
from segpipe.console import command
from segpipe.params.load import load_params
from segpipe.params.stage_keys import SanityKeys


def main() -> None:
    """Learns one batch by heart in some steps, looks whether masks fit images; writes pictures to data/sanity."""
    params = SanityKeys.of(load_params())

    from segpipe.workflows.sanity import sanity

    for line in sanity(params):
        print(line)
    command.done(paths.SANITY.as_posix(), "dvc repro train")


if __name__ == "__main__":
    command.run(main)
