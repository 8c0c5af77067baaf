"""`segpipe COMMAND`: what a person types beside `dvc`. What a command needs it imports when it runs."""

from collections.abc import Callable

from segpipe.cli import (
    adopt,
    compare,
    convert,
    curve,
    docs,
    doctor_report,
    example,
    info,
    init,
    models,
    new,
    predict,
    profile,
    prune,
    replay,
    ui,
    unpack,
    verify,
)
from segpipe.cli.federation import app as federation
from segpipe.cli.study import app as study
from segpipe.cli.track import app as track
from segpipe.console import command

COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    "Begin": (new.new, example.example, docs.docs, init.init, convert.convert, unpack.unpack),
    "Train": (models.models, profile.profile, curve.curve, replay.replay),
    "Use a model": (predict.predict, prune.prune, info.info),
    "Compare": (compare.compare, ui.ui),
    "Prove and report": (verify.verify, adopt.adopt, doctor_report.doctor_report),
}
GROUPS = {"study": (study, "Compare"), "track": (track, "Compare"), "federation": (federation, "Train")}

app = command.new_app()
for panel, commands in COMMANDS.items():
    for each in commands:
        app.command(rich_help_panel=panel)(each)
for name, (group, panel) in GROUPS.items():
    app.add_typer(group, name=name, rich_help_panel=panel)


@app.callback()
def about() -> None:
    """From annotated images to a trained, evaluated, exported segmentation model. The pipeline itself: dvc repro."""


def entry() -> None:
    """The console script `segpipe`."""
    command.run_app(app)


if __name__ == "__main__":
    entry()
