"""`segpipe federation COMMAND`: sites that train together over the network and show nobody an image."""

from segpipe.cli import federation_certificates, federation_join, federation_serve
from segpipe.console import command

app = command.new_app()
app.command("certificates")(federation_certificates.certificates)
app.command("serve")(federation_serve.serve)
app.command("join")(federation_join.join)


@app.callback()
def about() -> None:
    """Sites train together over the network and show nobody an image. It needs Flower: `make federated`."""
