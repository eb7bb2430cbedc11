"""TorchServe's tokens: read from key_file.json, and renewed before they expire."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pixserve.endpoints import open_http
from pixserve.errors import UnauthorizedError
from pixserve.http_errors import mapped_errors

Kind = Literal["inference", "management"]
RENEW_BEFORE_S = 60.0


class Tokens:
    """The keys in a server's key_file.json.

    TorchServe writes the file anew at each start and at each renewal, which makes the old key worthless at once, for
    every client. So the file is read whenever it has changed, and one client at a time renews.

    Args:
        key_file: TorchServe's key_file.json.
        management: address of the management API, which renews.
        timeout_s: how long a renewal may take.
    """

    def __init__(self, key_file: Path, *, management: str, timeout_s: float = 10) -> None:
        self._file = key_file
        self._management = management
        self._timeout_s = timeout_s

    def header(self, kind: Kind) -> dict[str, str]:
        """The header for one of the two APIs, with a key that is good for another minute.

        Raises:
            UnauthorizedError: there is no key file, or the server does not renew.
        """
        if self._expires_soon(kind):
            self.renew(kind)
        return _bearer(self._read()[kind]["key"])

    def renew(self, kind: Kind) -> None:
        """Ask the server for a new key, unless another client has done so in the meantime.

        Raises:
            ClientError: the server cannot be reached, or refuses.
        """
        with self._alone():
            if not self._expires_soon(kind):
                return
            with mapped_errors(self._management), open_http(self._management, timeout_s=self._timeout_s) as http:
                headers = _bearer(self._read()["API"]["key"])
                http.get("/token", params={"type": kind}, headers=headers).raise_for_status()

    def _expires_soon(self, kind: Kind) -> bool:
        expires = self._read()[kind].get("expiration time")
        return expires is not None and _epoch_s(expires) - time.time() < RENEW_BEFORE_S

    def _read(self) -> dict[str, Any]:
        try:
            keys: dict[str, Any] = json.loads(self._file.read_text())
        except (OSError, ValueError) as fault:
            raise UnauthorizedError(f"the server asks for tokens, and {self._file} cannot be read: {fault}") from fault
        return keys

    @contextmanager
    def _alone(self) -> Iterator[None]:
        lock = os.open(self._file.parent, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _epoch_s(expires: str) -> float:
    """Java's `Instant` has nanoseconds, which datetime does not read."""
    seconds = expires.removesuffix("Z").partition(".")[0]
    return datetime.fromisoformat(f"{seconds}+00:00").timestamp()
