"""`segpipe COMMAND`: what a person types beside `dvc`. A line a command; what a command needs it imports when it runs."""

from segpipe.cli import adopt, compare, convert, curve, info, init, models, predict, profile, prune, replay, ui, unpack, verify
from segpipe.cli.example import example
from segpipe.cli.federation import app as federation
from segpipe.cli.study import app as study
from segpipe.cli.track import app as track
from segpipe.console import command

app = command.new_app()
app.command("init")(init.init)
app.command("example")(example)
app.command("convert")(convert.convert)
app.command("unpack")(unpack.unpack)
app.command("predict")(predict.predict)
app.command("prune")(prune.prune)
app.command("info")(info.info)
app.command("models")(models.models)
app.command("profile")(profile.profile)
app.command("curve")(curve.curve)
app.command("compare")(compare.compare)
app.command("replay")(replay.replay)
app.command("verify")(verify.verify)
app.command("adopt")(adopt.adopt)
app.command("ui")(ui.ui)
app.add_typer(federation, name="federation")
app.add_typer(study, name="study")
app.add_typer(track, name="track")


@app.callback()
def about() -> None:
    """From annotated images to a trained, evaluated, exported segmentation model. The pipeline itself: dvc repro."""


def entry() -> None:
    """The console script `segpipe`."""
    command.run_app(app)


if __name__ == "__main__":
    entry()
