"""TorchServe's management API, as far as starting, watching and draining a server needs it."""

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from serving.errors import ServingError

Version = dict[str, Any]


class Management:
    """The management API of a running server.

    Args:
        address: TorchServe's own notation, ``http://127.0.0.1:8081`` or ``unix:/path/management.sock``.
        headers: the authorization header where tokens are on, else empty.
        timeout_s: how long one call may take.
    """

    def __init__(self, address: str, *, headers: dict[str, str], timeout_s: float = 10) -> None:
        socket = address.removeprefix("unix:") if address.startswith("unix:") else None
        self._http = httpx.Client(
            base_url="http://localhost" if socket else address,
            transport=httpx.HTTPTransport(uds=socket),
            headers=headers,
            timeout=timeout_s,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._http.close()

    def models(self) -> list[str]:
        """Return the names of the models, sorted."""
        return sorted(model["modelName"] for model in self._get("/models?limit=1000")["models"])

    def default_version(self, model: str) -> str:
        """Return the version that answers where a request names none."""
        return str(self._get(f"/models/{model}")[0]["modelVersion"])

    def versions(self, model: str) -> list[Version]:
        """Return TorchServe's description of each version: its workers, its queue, its settings."""
        versions: list[Version] = self._get(f"/models/{model}/all")
        return versions

    def every_version(self) -> list[Version]:
        """Return the description of each version of each model."""
        return [version for model in self.models() for version in self.versions(model)]

    def pid_behind_queue(self, model: str, version: str) -> int:
        """Return the process id of the worker that answers a job sent through the version's queue.

        The queue is first in, first out, and a worker runs one batch at a time: whatever was queued before
        this call has left the queue when it returns, and this worker has ended all its earlier batches.
        """
        return int(self._get(f"/models/{model}/{version}?customized=true")[0]["customizedMetadata"]["pid"])

    def _get(self, path: str) -> Any:
        try:
            response = self._http.get(path).raise_for_status()
        except httpx.HTTPError as fault:
            raise ServingError(f"the management API did not answer {path}: {fault}") from fault
        return response.json()


def authorization(home: Path, *, key: str, tokens: bool) -> dict[str, str]:
    """Return the header for `inference` or `management`, read from key_file.json in the server's home.

    Raises:
        ServingError: tokens are on, and TorchServe has not written the file.
    """
    if not tokens:
        return {}
    try:
        token = json.loads((home / "key_file.json").read_text())[key]["key"]
    except FileNotFoundError as missing:
        raise ServingError(f"tokens are on, and {home} holds no key_file.json") from missing
    return {"Authorization": f"Bearer {token}"}
