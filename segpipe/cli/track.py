"""`segpipe track COMMAND`: between MLflow's runs and what DVC keeps."""

from segpipe.cli import track_link
from segpipe.console import command

app = command.new_app()
app.command("link")(track_link.link)


@app.callback()
def about() -> None:
    """Between MLflow's runs and the models and results that DVC keeps."""
