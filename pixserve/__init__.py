"""Clients of the service: predictions over REST and gRPC, management, and rollouts of new versions.

    with RestClient("http://127.0.0.1:8080") as client:
        print(client.predict(Path("cat.jpg")).best.name)

`pip install .` brings it without torch, TorchServe or Java; the gRPC stubs are part of the installed package.
"""

from pixserve.connection import Connection
from pixserve.endpoints import Endpoints
from pixserve.errors import ClientError
from pixserve.management import ManagementClient
from pixserve.records import Health, ModelVersion, Prediction, RankedClass, Worker
from pixserve.rest import RestClient
from pixserve.retries import Retries
from pixserve.rpc import GrpcClient
from pixserve.runtime_directory import RuntimeDirectory
from pixserve.tokens import Tokens

__all__ = [
    "ClientError",
    "Connection",
    "Endpoints",
    "GrpcClient",
    "Health",
    "ManagementClient",
    "ModelVersion",
    "Prediction",
    "RankedClass",
    "RestClient",
    "Retries",
    "RuntimeDirectory",
    "Tokens",
    "Worker",
]
