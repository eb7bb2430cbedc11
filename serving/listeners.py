"""Listening TCP ports: find free ones, refuse taken ones, close one of a child process."""

import ctypes
import os
import socket

import psutil

from serving.errors import ServingError

PIDFD_GETFD = 438  # the same system call number on every Linux architecture


def free_port() -> int:
    """Return a TCP port that nothing on the loopback listens to at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def require_free(ports: list[int]) -> None:
    """Refuse ports that cannot be listened to.

    Raises:
        ServingError: names the first port that is taken.
    """
    for port in ports:
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError as taken:
            raise ServingError(
                f"port {port} is in use; stop what uses it (`make stop`, if it is this "
                "server), or choose another in config.properties"
            ) from taken


def close_listener(pid: int, port: int) -> bool:
    """Close the TCP port that a child process listens to, and return whether that was possible.

    The kernel hands a parent a copy of its child's socket; shutting the copy down closes the port for good,
    and connections to it are refused from then on. A sandbox may forbid it, and only Linux has it.
    """
    try:
        for listener in psutil.Process(pid).net_connections("tcp"):
            if listener.status == psutil.CONN_LISTEN and listener.laddr.port == port:
                with _copy_of(pid, listener.fd) as copy:
                    copy.shutdown(socket.SHUT_RDWR)
    except (OSError, AttributeError, psutil.Error):
        return False
    return True


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
