"""What is read in large pieces is what TorchServe's own reader reads."""

import importlib
import socket
import struct
from threading import Thread

import pytest
from ts.protocol import otf_message_handler

from handler.socket_reader import BufferedReader, install_socket_reader

# Other tests start handlers in this process, which replace it.
torchserves_own_reader = importlib.reload(otf_message_handler)._retrieve_buffer


def sized(data: bytes) -> bytes:
    return struct.pack("!i", len(data)) + data


def batch(*images: bytes) -> bytes:
    """A message of TorchServe's front end: a row an image, each with two headers and one field."""
    end = struct.pack("!i", -1)
    rows = [
        sized(f"request-{index}".encode())
        + b"".join(sized(part) for part in (b"host", b"here", b"content-length", b"5"))
        + end
        + b"".join(sized(part) for part in (b"image", b"image/jpeg", image))
        + end
        for index, image in enumerate(images)
    ]
    return b"I" + b"".join(rows) + end


@pytest.fixture
def wire():
    """Two ends of a connection."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def received(wire, messages, *, piece):
    """The messages as TorchServe's worker reads them, sent in pieces of so many bytes."""
    ours, theirs = wire
    stream = b"".join(messages)

    def send():
        for start in range(0, len(stream), piece):
            theirs.sendall(stream[start : start + piece])

    sender = Thread(target=send)
    sender.start()
    found = [otf_message_handler.retrieve_msg(ours) for _ in messages]
    sender.join()
    return found


@pytest.mark.parametrize("piece", [1, 7, 1000, 10_000_000])
def test_batches_are_read_as_torchserve_reads_them_however_they_arrive(wire, monkeypatch, piece):
    messages = [batch(b"x" * 900, b""), batch(b"y" * (3000 if piece == 1 else 700_000)), batch(b"z")]
    with monkeypatch.context() as plain:
        plain.setattr(otf_message_handler, "_retrieve_buffer", torchserves_own_reader)
        expected = received(wire, messages, piece=piece)
    monkeypatch.setattr(otf_message_handler, "_retrieve_buffer", None)
    install_socket_reader()
    assert received(wire, messages, piece=piece) == expected
    assert [len(rows) for _, rows in expected] == [2, 1, 1]


def test_a_field_that_comes_twice_is_not_lost(wire):
    fields = [(b"tag", b"", b"a"), (b"image", b"image/jpeg", b"first"), (b"image", b"image/jpeg", b"second")]
    end = struct.pack("!i", -1)
    row = sized(b"request-0") + end + b"".join(sized(part) for field in fields for part in field) + end
    install_socket_reader()
    ((_, (request,)),) = received(wire, [b"I" + row + end], piece=7)
    assert [(each["name"], bytes(each["value"])) for each in request["parameters"]] == [
        ("tag", b"a"),
        ("image", b"first"),
        ("image (again)", b"second"),
    ]


def test_a_worker_whose_front_end_is_gone_ends(wire):
    ours, theirs = wire
    theirs.sendall(b"abc")
    theirs.close()
    with pytest.raises(SystemExit):
        BufferedReader()(ours, 4)
