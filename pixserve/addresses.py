"""Addresses as people and TorchServe write them: URLs, host and port, paths of unix sockets."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from pixserve.errors import AddressError

UNIX = "unix:"


def http_address(text: str) -> str:
    """Return an address of an HTTP API in full: `127.0.0.1:8080` becomes `http://127.0.0.1:8080`.

    Raises:
        AddressError: it names no host, or another scheme than http, https or unix.
    """
    if text.startswith(UNIX):
        return text
    address = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(address)
        named = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and " " not in parts.netloc
    except ValueError:  # a port that is not a number, a bracket that is not closed
        named = None
    if not named:
        raise AddressError(f"{text!r} is not an address; expected http://host:port, or unix:/path of a socket")
    return address.rstrip("/")


def grpc_address(text: str) -> str:
    """Return an address of a gRPC API without a scheme: `http://127.0.0.1:7070` becomes `127.0.0.1:7070`.

    Raises:
        AddressError: it names no host or no port.
    """
    try:
        parts = urlsplit(http_address(text))
        named = parts.scheme == "http" and parts.port
    except (AddressError, ValueError):
        named = None
    if not named:
        raise AddressError(f"{text!r} is not a gRPC address; expected host:port (TLS is not spoken)")
    return parts.netloc


def is_loopback(address: str) -> bool:
    """Whether an address (`http://host:port`, `host:port` or `unix:/path`) is of this machine itself."""
    if address.startswith(UNIX):
        return True
    try:
        host = urlsplit(address if "://" in address else f"//{address}").hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:  # another name
        return False
