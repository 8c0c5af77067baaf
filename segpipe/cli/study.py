"""`segpipe study COMMAND`: one question, answered by many trainings."""

from segpipe.cli import study_run
from segpipe.console import command

app = command.new_app()
app.command("run")(study_run.run)


@app.callback()
def about() -> None:
    """One question, answered by many trainings: arms, each with several seeds, written down in a YAML file."""
