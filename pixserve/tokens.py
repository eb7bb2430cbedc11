"""TorchServe's tokens: read from key_file.json, renewed before they expire, and read again where one was refused."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from pixserve.endpoints import open_http
from pixserve.errors import UnauthorizedError
from pixserve.http_errors import mapped_errors

Api = Literal["inference", "management"]
Result = TypeVar("Result")
RENEW_BEFORE_S = 60.0
READ_ATTEMPTS, READ_AGAIN_S = 40, 0.05  # TorchServe empties the file before it fills it anew


class Tokens:
    """The keys in a server's key_file.json.

    TorchServe writes the file anew at each start and at each renewal, which invalidates the old key at once, for
    every client. So the file is read for each request, and one client at a time renews.

    Args:
        key_file: TorchServe's key_file.json.
        management: address of the management API, which renews.
        timeout_s: how long a renewal may take.
    """

    def __init__(self, key_file: Path, *, management: str, timeout_s: float = 10) -> None:
        self._file = key_file
        self._management = management
        self._timeout_s = timeout_s

    def key(self, api: Api) -> str:
        """Return the key of one of the two APIs, valid for another minute at least; it is renewed where it is not.

        Raises:
            UnauthorizedError: there is no key file, or the server does not renew.
        """
        if self._expires_soon(api):
            self.renew(api)
        return str(self._read()[api]["key"])

    def header(self, api: Api) -> dict[str, str]:
        """Return the header that a request to one of the two APIs needs.

        Raises:
            UnauthorizedError: there is no key file, or the server does not renew.
        """
        return _bearer(self.key(api))

    def renew(self, api: Api) -> None:
        """Ask the server for a new key, unless another client has done so in the meantime.

        Raises:
            ClientError: the server cannot be reached, or refuses.
        """
        with self._exclusive_lock():
            if not self._expires_soon(api):
                return
            with mapped_errors(self._management), open_http(self._management, timeout_s=self._timeout_s) as http:
                headers = _bearer(self._read()["API"]["key"])
                http.get("/token", params={"type": api}, headers=headers).raise_for_status()

    def _expires_soon(self, api: Api) -> bool:
        expires = self._read()[api].get("expiration time")
        return expires is not None and _epoch_s(expires) - time.time() < RENEW_BEFORE_S

    def _read(self) -> dict[str, Any]:
        fault: Exception | None = None
        for _ in range(READ_ATTEMPTS):
            try:
                keys: dict[str, Any] = json.loads(self._file.read_text())
                return keys
            except ValueError as half_written:
                fault = half_written
                time.sleep(READ_AGAIN_S)
            except OSError as missing:
                fault = missing
                break
        raise UnauthorizedError(f"the server asks for tokens, and {self._file} cannot be read: {fault}") from fault

    @contextmanager
    def _exclusive_lock(self) -> Iterator[None]:
        lock = os.open(self._file.parent, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


class ApiKey:
    """One key for good, such as one of the gateway's (`pixserve keys add`), in the place of a server's `Tokens`.

    Args:
        key: the key.
    """

    def __init__(self, key: str) -> None:
        self._key = key

    def header(self, api: Api) -> dict[str, str]:
        """Return the header that a request to either API needs."""
        return _bearer(self._key)


def with_token(tokens: Tokens | ApiKey | None, api: Api, call: Callable[[dict[str, str]], Result]) -> Result:
    """Call with the headers that a server asks for; once more where another client, or a restart, has replaced the key.

    Args:
        tokens: the server's keys, or None where it asks for none.
        call: makes the request with these headers.

    Raises:
        UnauthorizedError: the present key was refused.
    """
    headers = tokens.header(api) if tokens else {}
    try:
        return call(headers)
    except UnauthorizedError:
        present = tokens.header(api) if tokens else {}
        if present == headers:
            raise
        return call(present)


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _epoch_s(expires: str) -> float:
    """Java's `Instant` has nanoseconds, which datetime does not read."""
    seconds = expires.removesuffix("Z").partition(".")[0]
    return datetime.fromisoformat(f"{seconds}+00:00").timestamp()
