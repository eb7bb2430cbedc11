"""Reading TorchServe's messages from a buffer.

Its worker asks the socket for every number and name of a row by itself, some thirty system calls a row. Here the socket
is asked for what there is, and the pieces are cut from that. TorchServe 0.12.0 is the last of its line, so what is
replaced stays what it is.
"""

import logging
import socket
import sys

from ts.protocol import otf_message_handler

BYTES_A_READ = 1 << 18


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


def read_in_large_pieces() -> None:
    """From the next message on; to be called while none is being read, as when a model is loaded."""
    otf_message_handler._retrieve_buffer = BufferedReader()
