"""What only a command on the server's own machine can reach: its runtime directory and its model store."""

from pathlib import Path

from operations.errors import RolloutError
from pixserve.connection import Connection
from pixserve.runtime_directory import RuntimeDirectory

SENTENCE = "this needs the server's runtime directory (--runtime-dir): run it on the server's machine"


def require_runtime_directory(connection: Connection) -> RuntimeDirectory:
    """Return the server's runtime directory, without which no worker can be quiesced.

    Raises:
        RolloutError: this machine does not have it.
    """
    if connection.endpoints.runtime_directory is None:
        raise RolloutError(SENTENCE)
    return connection.endpoints.runtime_directory


def require_store(connection: Connection) -> Path:
    """Return the server's model store.

    Raises:
        RolloutError: this machine does not have it.
    """
    if connection.endpoints.store is None:
        raise RolloutError(SENTENCE)
    return connection.endpoints.store
