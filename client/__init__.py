"""Clients of the service: predictions over REST and gRPC, management, and rollouts of new versions.

    with RestClient("http://127.0.0.1:8080") as client:
        print(client.predict(Path("cat.jpg")).best.name)

Needs neither torch nor TorchServe to be imported; gRPC needs stubs, see client/stubs.py.
"""

from client.connection import Connection
from client.endpoints import Endpoints
from client.errors import ClientError
from client.management import ManagementClient
from client.records import Health, ModelVersion, Prediction, RankedClass, Worker
from client.rest import RestClient
from client.retries import Retries
from client.rpc import GrpcClient
from client.tokens import Tokens

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
    "Tokens",
    "Worker",
]
