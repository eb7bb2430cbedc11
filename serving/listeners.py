"""Listening TCP ports: find free ones, refuse taken ones, close one of a child process."""

import contextlib
import ctypes
import os
import socket
import struct
import time
from collections.abc import Mapping

import psutil

from serving.errors import ServingError

PIDFD_GETFD = 438  # the same system call number on every Linux architecture
SO_ATTACH_FILTER = 26  # asm-generic/socket.h; Python's socket module does not name it

# A classic BPF program (linux/filter.h: code, jump if true, if false, operand) that drops what asks for a connection.
NO_NEW_CONNECTIONS = (
    (0x30, 0, 0, 13),  # load the byte of the TCP header that has the flags
    (0x54, 0, 0, 0x12),  # of them SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone?
    (0x06, 0, 0, 0),  # then drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # else let all of it pass
)
BACKLOG = struct.Struct("24xI")  # tcpi_unacked of struct tcp_info: of a listener, connections not accepted yet
ACCEPT_S = 1.0  # waited for at most, until the child has accepted them


def free_port() -> int:
    """Return a TCP port that nothing on the loopback listens to at the moment."""
    (port,) = free_ports(1)
    return port


def free_ports(count: int) -> list[int]:
    """Return as many TCP ports, no two alike: ports that are asked for one after the other may be the same."""
    with contextlib.ExitStack() as open_at_once:
        listeners = [open_at_once.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(listener.getsockname()[1]) for listener in listeners]


def require_free(ports: Mapping[str, int]) -> None:
    """Refuse ports that cannot be listened to.

    Args:
        ports: by the name of the setting that chooses each.

    Raises:
        ServingError: names the first port that cannot be had.
    """
    for setting, port in ports.items():
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except PermissionError as forbidden:
            raise ServingError(
                f"port {port} ({setting}) needs root's rights; choose one above 1023 in config.local.properties"
            ) from forbidden
        except OSError as taken:
            raise ServingError(
                f"port {port} ({setting}) is in use; stop what uses it (`make stop`, if it is this server), or choose "
                "another in config.local.properties"
            ) from taken


def close_listener(pid: int, port: int) -> bool:
    """Close the TCP port that a child process listens to, and return whether that was possible.

    The kernel hands a parent a copy of its child's socket; shutting the copy down closes the port for good,
    and connections to it are refused from then on. Those made before are accepted first: closing would reset them.
    A sandbox may forbid it, and only Linux has it.
    """
    try:
        for listener in psutil.Process(pid).net_connections("tcp"):
            if listener.status == psutil.CONN_LISTEN and listener.laddr.port == port:
                with _copy_of(pid, listener.fd) as copy:
                    _wait_until_all_are_accepted(copy)
                    copy.shutdown(socket.SHUT_RDWR)
    except (OSError, AttributeError, psutil.Error):
        return False
    return True


def settle_listener(pid: int, port: int) -> bool:
    """Let no new connection to a child's TCP port in, and wait until it has accepted those that were made.

    Return whether that was possible. The child may then close the port without resetting anybody.
    """
    try:
        for listener in psutil.Process(pid).net_connections("tcp"):
            if listener.status == psutil.CONN_LISTEN and listener.laddr.port == port:
                with _copy_of(pid, listener.fd) as copy:
                    _wait_until_all_are_accepted(copy)
    except (OSError, AttributeError, psutil.Error):
        return False
    return True


def _wait_until_all_are_accepted(listener: socket.socket) -> None:
    """Let no new connection in, and leave those that wait to who accepts them."""
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in NO_NEW_CONNECTIONS))
    attached = struct.pack("HP", len(NO_NEW_CONNECTIONS), ctypes.addressof(program))
    listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, attached)
    deadline = time.monotonic() + ACCEPT_S
    while _waiting(listener) and time.monotonic() < deadline:
        time.sleep(0.001)


def _waiting(listener: socket.socket) -> int:
    """How many connections the kernel has made that nobody has accepted yet."""
    (count,) = BACKLOG.unpack(listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, BACKLOG.size))
    return int(count)


def _copy_of(pid: int, fd: int) -> socket.socket:
    """Copy a process's socket with the system call pidfd_getfd (Linux 5.6)."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    try:
        copy = libc.syscall(PIDFD_GETFD, pidfd, fd, 0)
    finally:
        os.close(pidfd)
    if copy < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return socket.socket(fileno=copy)
