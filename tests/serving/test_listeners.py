"""Listening ports: free, taken, closed."""

import os
import socket
import threading

import pytest

from serving.errors import ServingError
from serving.listeners import close_listener, free_port, free_ports, require_free


def test_a_taken_port_is_named_with_its_setting():
    port = free_port()
    require_free({"grpc_inference_port": port})
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(ServingError, match=rf"port {port} \(grpc_inference_port\) is in use"),
    ):
        require_free({"grpc_inference_port": port})


def test_a_port_that_is_closed_answers_who_had_connected_and_refuses_who_had_not():
    def accept_late(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(connection.recv(100))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        with socket.create_connection(address) as early:
            early.sendall(b"sent before the port was closed")
            server = threading.Timer(0.2, accept_late, [listener])
            server.start()
            assert close_listener(os.getpid(), address[1])
            assert early.recv(100) == b"sent before the port was closed"
            server.join()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)


def test_ports_that_are_asked_for_together_are_different_ones():
    assert len(set(free_ports(500))) == 500
