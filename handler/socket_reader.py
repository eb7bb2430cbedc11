"""The socket reader: a patch of TorchServe's protocol between its front end and the worker.

TorchServe's worker asks the socket for every number and name of a row by itself, some thirty system calls a row. Here
the socket is asked for what there is, and the pieces are cut from that. And where a form holds two fields of one name,
the worker would keep the last alone; here both stay. TorchServe 0.12.0 is the last of its line, so what is replaced
stays what it is.
"""

import logging
import socket
import sys
from typing import Any

from ts.protocol import otf_message_handler

from handler.front_end import REPEATED

BYTES_A_READ = 1 << 18

_retrieve_request = otf_message_handler._retrieve_request


class BufferedReader:
    """Reads exactly as many bytes as asked for, and keeps what came beyond."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._start = 0

    def __call__(self, connection: socket.socket, length: int) -> bytearray:
        """The next `length` bytes; ends the worker, as TorchServe does, when its front end is gone."""
        if len(self._buffer) - self._start < length:
            self._fill(connection, length)
        end = self._start + length
        piece = self._buffer[self._start : end]
        self._start = end
        return piece

    def _fill(self, connection: socket.socket, length: int) -> None:
        del self._buffer[: self._start]
        self._start = 0
        while len(self._buffer) < length:
            chunk = connection.recv(max(BYTES_A_READ, length - len(self._buffer)))
            if not chunk:
                logging.info("Frontend disconnected.")
                sys.exit(0)
            self._buffer += chunk


def install_socket_reader() -> None:
    """Replace TorchServe's, from the next message on; call while none is being read, as when a model is loaded."""
    otf_message_handler._retrieve_buffer = BufferedReader()
    otf_message_handler._retrieve_request = _request_with_repeated_fields


def _request_with_repeated_fields(connection: socket.socket) -> dict[str, Any] | None:
    request: dict[str, Any] | None = _retrieve_request(connection)
    if request is not None and len(request["parameters"]) > 1:
        seen = set()
        for parameter in request["parameters"]:
            if parameter["name"] in seen:
                parameter["name"] += REPEATED
            seen.add(parameter["name"])
    return request
