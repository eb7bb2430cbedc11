"""API keys: made once, shown once, kept as a salted digest, revocable.

A key is ``pix_<id>_<secret>``: the id finds its entry, the secret is 256 random bits. Kept are a salt and the MD5 of
salt and key, which is what nginx's secure_link module compares. MD5's collisions are of no use against a secret that
the attacker does not choose; finding one from its digest takes 2^123 tries (decision 26).
"""

import base64
import fcntl
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from gateway.errors import GatewayError
from pixserve.state_files import read_json, write_json

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
ID_LENGTH = 8
SECRET_BYTES = 32


@dataclass(frozen=True)
class ApiKey:
    """What is kept of a key.

    Args:
        name: whose it is; no two have the same.
        id: the part of the key that finds this entry; no secret.
        salt: begins what is hashed.
        digest: MD5 of salt and key in base64 for URLs, without padding, as secure_link reads it.
        created, expires: seconds since 1970; None for a key that does not expire.
    """

    name: str
    id: str
    salt: str
    digest: str
    created: int
    expires: int | None = None


class KeyStore:
    """The keys of one gateway, in a file that only its owner reads.

    Args:
        folder: the gateway's, see `gateway_directory`.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "keys.json"
        self._lock = folder / "keys.lock"

    def all(self) -> list[ApiKey]:
        """Return every key, in the order in which they were made.

        Raises:
            GatewayError: the file makes no sense.
        """
        content = read_json(self._file) or {"keys": []}
        try:
            return [ApiKey(**entry) for entry in content["keys"]]
        except (KeyError, TypeError) as fault:
            raise GatewayError(f"{self._file} does not hold API keys ({fault}); restore it, or remove it") from fault

    def add(self, name: str, *, days: int | None = None) -> str:
        """Make a key and return it; it cannot be shown again.

        Args:
            name: whose it is.
            days: how long it is valid; None for ever.

        Raises:
            GatewayError: the name is taken, or is none.
        """
        if not NAME.fullmatch(name):
            raise GatewayError(f"{name!r} is no name for a key; expected up to 64 letters, digits, or . _ @ -")
        key_id = "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH))
        key = f"pix_{key_id}_{secrets.token_urlsafe(SECRET_BYTES)}"
        salt, now = secrets.token_hex(16), int(time.time())
        expires = None if days is None else now + days * 86400
        with self._exclusive():
            keys = self.all()
            if any(other.name == name for other in keys):
                raise GatewayError(f"there is a key named {name}; revoke it first, or choose another name")
            self._write([*keys, ApiKey(name, key_id, salt, digest(salt, key), now, expires)])
        return key

    def revoke(self, name: str) -> None:
        """Remove a key.

        Raises:
            GatewayError: there is none of this name.
        """
        with self._exclusive():
            keys = self.all()
            left = [key for key in keys if key.name != name]
            if len(left) == len(keys):
                names = ", ".join(key.name for key in keys) or "no key at all"
                raise GatewayError(f"there is no key named {name}; there is {names}")
            self._write(left)

    def _write(self, keys: list[ApiKey]) -> None:
        write_json(self._file, {"keys": [asdict(key) for key in keys]})

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        handle = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def digest(salt: str, key: str) -> str:
    """Return what nginx's secure_link_md5 computes of salt and key."""
    md5 = hashlib.md5((salt + key).encode(), usedforsecurity=False).digest()
    return base64.urlsafe_b64encode(md5).decode().rstrip("=")
