"""segpipe ui: MLflow's page over the runs of this repository."""

import os
import subprocess
import sys
from typing import Annotated

import typer

from segpipe.errors import PipelineError


def ui(port: Annotated[int, typer.Option(help="Where the page is served, on this machine only.")] = 5000) -> None:
    """Shows the runs in a browser, from where training logs them; stops with Ctrl-C."""
    from segpipe.tracking.mlflow_runs import default_uri

    uri = os.environ.get("MLFLOW_TRACKING_URI", default_uri())
    # Without the last part the page opens on what MLflow has for generative AI.
    page = f"http://127.0.0.1:{port}/#/experiments?workflowType=machine_learning"
    print(f"{page} shows the runs of {uri}; Ctrl-C ends it", flush=True)
    server = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, "--host", "127.0.0.1", "--port", str(port)]
    if subprocess.run(server, check=False).returncode:
        raise PipelineError(f"MLflow's page ended with an error. Is port {port} taken? Try `segpipe ui --port {port + 1}`.")
