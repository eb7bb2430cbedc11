"""What config.properties may say about the gateway; `gateway/` reads these settings, TorchServe never sees them."""

import re
from ipaddress import ip_address, ip_network

from serving.value_checks import Check, host, one_of, whole_number

WHO_MAY_ASK = ("loopback", "keys", "anyone")

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")
_PATH = re.compile(r"[^\s\"'$;{}\\]*( *[^\s\"'$;{}\\]+)*")  # what nginx reads as one word between quotes
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HOST_AND_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:/\[\]\s;]+):(?P<port>[0-9]{1,5})")


def listen_address(value: str) -> str:
    """Accept ``host:port`` with an address of this machine, ``[::]:port`` too; empty for none."""
    return _host_and_port(value) if value else ""


def servers(value: str) -> str:
    """Accept ``host:port`` or ``unix:/path``, several separated by commas; empty for this checkout's own server."""
    return ",".join(_server(word) for word in _words(value))


def origins(value: str) -> str:
    """Accept origins of web pages such as ``https://shop.example``, separated by commas, or ``*``."""
    words = _words(value)
    if words != ["*"] and not all(_ORIGIN.fullmatch(word) for word in words):
        raise ValueError("* or origins such as https://shop.example, separated by commas")
    return ",".join(words)


def networks(value: str) -> str:
    """Accept addresses and networks such as ``10.0.0.0/8``, separated by commas."""
    words = _words(value)
    try:
        for word in words:
            ip_network(word)
    except ValueError as fault:
        raise ValueError("addresses or networks such as 10.0.0.0/8, separated by commas") from fault
    return ",".join(words)


def path(value: str) -> str:
    """Accept a path that can stand in nginx's configuration."""
    if not _PATH.fullmatch(value):
        raise ValueError("a path without quotes, semicolons, braces, dollar signs and backslashes")
    return value


def name(value: str) -> str:
    """Accept the name of a model."""
    if not _NAME.fullmatch(value):
        raise ValueError("the name of a model: letters, digits, dots, dashes, underscores")
    return value


def _words(value: str) -> list[str]:
    return [word.strip() for word in value.split(",") if word.strip()]


def _server(word: str) -> str:
    if word.startswith("unix:/") and _PATH.fullmatch(word) and " " not in word:
        return word
    return _host_and_port(word.removeprefix("http://"))


def _host_and_port(value: str) -> str:
    found = _HOST_AND_PORT.fullmatch(value)
    if not found or not 1 <= int(found["port"]) <= 65535:
        raise ValueError("host:port such as 127.0.0.1:5000")
    if found["host"].startswith("["):
        ip_address(found["host"].strip("[]"))
    else:
        host(found["host"])
    return value


GATEWAY_CHECKS: dict[str, Check] = {
    "gateway_address": listen_address,
    "gateway_tls_address": listen_address,
    "gateway_certificate": path,
    "gateway_certificate_key": path,
    "gateway_access": one_of(*WHO_MAY_ASK),
    "gateway_key_rate": whole_number(0, 1_000_000),
    "gateway_address_rate": whole_number(0, 1_000_000),
    "gateway_address_connections": whole_number(0, 65535),
    "gateway_cors_origins": origins,
    "gateway_trusted_proxies": networks,
    "gateway_model": name,
    "gateway_rest_servers": servers,
    "gateway_front_servers": servers,
    "gateway_grpc_servers": servers,
    "gateway_front_grpc_servers": servers,
}
