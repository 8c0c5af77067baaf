"""What we use of Flower, imported in this file alone, and quietly.

Raises PipelineError where it is not installed: it has an environment of its own.
"""

import os

from segpipe.errors import PipelineError

# Read when these are imported. The parts of Flower in use here send nothing, whatever it says.
os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ.setdefault("GRPC_VERBOSITY", "error")

try:
    import grpc
    from flwr.common import FitIns, Parameters, ReconnectIns
    from flwr.proto import transport_pb2 as messages
    from flwr.proto.transport_pb2_grpc import FlowerServiceStub, add_FlowerServiceServicer_to_server
    from flwr.server.superlink.fleet.grpc_bidi.flower_service_servicer import FlowerServiceServicer
    from flwr.server.superlink.fleet.grpc_bidi.grpc_bridge import GrpcBridgeClosed
except ImportError as error:
    raise PipelineError(
        f"A federation needs Flower ({error}). `make federated` sets up an environment that has it, in .venv-federated."
    ) from None

__all__ = [
    "FitIns",
    "FlowerServiceServicer",
    "FlowerServiceStub",
    "GrpcBridgeClosed",
    "Parameters",
    "ReconnectIns",
    "add_FlowerServiceServicer_to_server",
    "grpc",
    "messages",
]
