"""The values a setting may take: each check returns the value in TorchServe's notation, or says what it expected."""

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path

Check = Callable[[str], str]  # raises ValueError with what was expected

ADDRESS = re.compile(r"https?://(?P<host>[^:/\[\]\s]+):(?P<port>\d+)")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\*?")


def text(value: str) -> str:
    """Accept anything."""
    return value


def existing_file(value: str) -> str:
    """Accept nothing, or the absolute path of a file."""
    if value and not (Path(value).is_absolute() and Path(value).is_file()):
        raise ValueError("the absolute path of a file that exists, or nothing")
    return value


def boolean(value: str) -> str:
    """Accept true and false, in any case: TorchServe does, and the launcher must read the same."""
    if value.lower() not in ("true", "false"):
        raise ValueError("true or false")
    return value.lower()


def whole_number(least: int, most: int = 2**31 - 1) -> Check:
    """Accept a whole number in a range."""

    def check(value: str) -> str:
        if not re.fullmatch(r"[0-9]{1,10}", value) or not least <= int(value) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return str(int(value))

    return check


def decimal(value: str) -> str:
    """Accept a positive number."""
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal(0)
    if not number.is_finite() or number <= 0:
        raise ValueError("a number above 0")
    return value


def fraction(value: str) -> str:
    """Accept a number from 0 to 1."""
    if not re.fullmatch(r"[01]|[01]?\.[0-9]{1,9}", value) or float(value) > 1:
        raise ValueError("a number from 0 to 1")
    return value


def one_of(*values: str) -> Check:
    """Accept one of a few words."""

    def check(value: str) -> str:
        if value not in values:
            raise ValueError(" or ".join(values))
        return value

    return check


port = whole_number(1, 65535)


def address(value: str) -> str:
    """Accept ``http://host:port``, ``https://host:port`` or ``unix:path``."""
    if value.startswith("unix:") and len(value) > len("unix:"):
        return value
    found = ADDRESS.fullmatch(value)
    if not found:
        raise ValueError("http://host:port or unix:path (TorchServe takes no IPv6 address here)")
    port(found["port"])
    return value


def plain_address(value: str) -> str:
    """Accept ``http://host:port``: the front and the metrics speak no TLS, and others look for them on a TCP port."""
    found = ADDRESS.fullmatch(value)
    if not found or not value.startswith("http://"):
        raise ValueError("http://host:port")
    port(found["port"])
    return value


def address_or_none(value: str) -> str:
    """Accept an address, or nothing."""
    return address(value) if value else value


def host(value: str) -> str:
    """Accept a host name or an IPv4 address."""
    if not re.fullmatch(r"[^:/\[\]\s]+", value):
        raise ValueError("a host name or an IPv4 address, without a port")
    return value


def variables(value: str) -> str:
    """Accept names of environment variables, separated by commas; ``NAME*`` stands for all that begin so."""
    names = [name.strip() for name in value.split(",") if name.strip()]
    if not all(VARIABLE.fullmatch(name) for name in names):
        raise ValueError("names of environment variables, separated by commas")
    return ",".join(names)
