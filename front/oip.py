"""What the Open Inference Protocol says of server and models, the same over gRPC and REST."""

from importlib.metadata import version
from typing import NamedTuple

from front.service import Service


class ServerMetadata(NamedTuple):
    """The server by name and version."""

    name: str
    version: str


SERVER = ServerMetadata("pixserve", version("pixserve"))
EXTENSIONS = ("binary_tensor_data", "classification")


async def is_model_ready(service: Service, model: str, version: str | None) -> bool:
    """Return whether a version, or the default one, has a worker that is ready, in a server that takes requests.

    Raises:
        RefusedError: there is no such thing.
    """
    found = await service.models.require(model, version)
    return bool(found.ready_workers) and not service.state.is_stopping
