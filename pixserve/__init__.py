"""Clients of the service: predictions over REST and gRPC, and the management API, with typed results and errors.

    from pathlib import Path
    from pixserve import RestClient

    with RestClient("127.0.0.1:8080") as client:
        print(client.predict(Path("cat.jpg")).best.name)

In: images as bytes, paths or Pillow images. Out: frozen dataclasses, or a `ClientError`. Anybody may import it: it
needs neither torch nor TorchServe nor Java, and nothing else of this project.
"""

import sys

from pixserve.missing_package import sentence_of_missing

try:
    from pixserve.connection import Connection
    from pixserve.endpoints import Endpoints
    from pixserve.errors import ClientError
    from pixserve.management import ManagementClient
    from pixserve.records import Explanation, Health, ModelVersion, Prediction, RankedClass, Worker
    from pixserve.rest import RestClient
    from pixserve.retries import Retries
    from pixserve.rpc import GrpcClient
    from pixserve.runtime_directory import RuntimeDirectory
    from pixserve.tokens import Tokens
except ModuleNotFoundError as missing:
    if sys.argv[0] != "-m":  # which it is while `python -m pixserve` looks for this package
        raise
    sys.exit(sentence_of_missing(missing))

__all__ = [
    "ClientError",
    "Connection",
    "Endpoints",
    "Explanation",
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
