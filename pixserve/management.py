"""The management API over REST: which versions there are, which one is the default, how many workers each has.

REST, since it alone can be put on a unix socket. No call waits for a worker to load: TorchServe would wait on a thread
that predictions need.
"""

import re
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from pixserve.addresses import UNIX, http_address
from pixserve.endpoints import open_http
from pixserve.errors import (
    ArchiveNotFoundError,
    NotAcceptedError,
    NoWorkerError,
    QueueFullError,
    UnexpectedAnswerError,
)
from pixserve.http_errors import mapped_errors
from pixserve.records import ModelVersion, Registered, version_key
from pixserve.retries import DEFAULT_RETRIES, Retries, is_torchserve_race
from pixserve.tokens import Tokens, with_token

DEFAULT_TIMEOUT_S = 10.0
MOST_MODELS = 1000
REGISTERED = re.compile(r'Model "(?P<model>.+)" Version: (?P<version>\S+) registered')


class ManagementClient:
    """The management API of a running server.

    Args:
        address: ``http://127.0.0.1:8081`` or ``unix:/path/management.sock``.
        tokens: the server's keys, or None where it asks for none.
        retries: when a read is repeated; a call that changes the server is not, except `scale`.
        timeout_s: how long one call may take.
    """

    def __init__(
        self,
        address: str,
        *,
        tokens: Tokens | None = None,
        retries: Retries | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        self._address = http_address(address)
        self._tokens = tokens
        self._retries = retries or DEFAULT_RETRIES
        self._http = open_http(address, timeout_s=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def models(self) -> list[str]:
        """The names of the models, sorted."""
        listed = self._get("/models", limit=MOST_MODELS)["models"]
        return sorted(model["modelName"] for model in listed)

    def default_version(self, model: str) -> str:
        """The version that answers where a request names none.

        Raises:
            ModelNotFoundError: there is no such model.
        """
        return str(self._get(_path(model))[0]["modelVersion"])

    def versions(self, model: str) -> list[ModelVersion]:
        """Every version of a model, oldest first.

        Raises:
            ModelNotFoundError: there is no such model.
        """
        default = self.default_version(model)
        described = self._get(_path(model, "all"))
        versions = [ModelVersion.from_json(entry, default=default) for entry in described]
        return sorted(versions, key=lambda version: version_key(version.version))

    def every_version(self) -> list[ModelVersion]:
        """Every version of every model, by name, then oldest first."""
        return [version for model in self.models() for version in self.versions(model)]

    def describe(self, model: str, version: str | None = None) -> ModelVersion:
        """One version of a model, the default one if none is named.

        Raises:
            ModelNotFoundError, VersionNotFoundError: there is no such thing.
        """
        default = self.default_version(model)
        return ModelVersion.from_json(self._get(_path(model, version or default))[0], default=default)

    def ask_worker(self, model: str, version: str) -> dict[str, Any]:
        """Return the handler's description: class names, limits, and the process id (`pid`) of the worker that answers.

        The request travels through the version's queue (first in, first out), and a worker runs one batch at a time:
        when it answers, everything that it was given before has been answered.

        Raises:
            NoWorkerError, QueueFullError: no worker took the request.
        """
        try:
            described = self._get(_path(model, version), customized="true")
        except NotAcceptedError as fault:
            raise self.explain(model, version, fault) from fault
        metadata = described[0].get("customizedMetadata")
        if not isinstance(metadata, dict):
            raise UnexpectedAnswerError(f"{model} {version} does not describe itself: {metadata!r}", code=200)
        return metadata

    def register(self, archive: str, *, workers: int = 0) -> Registered:
        """Register an archive of the model store, by its file name; workers load after this has returned.

        Raises:
            ArchiveNotFoundError, VersionExistsError
        """
        try:
            answer = self._change("POST", "/models", url=archive, initial_workers=workers, synchronous="false")
        except ArchiveNotFoundError as missing:
            sentence = f"the server's model store holds no {archive}"
            raise ArchiveNotFoundError(sentence, code=missing.code, kind=missing.kind) from missing
        if found := REGISTERED.search(answer):
            return Registered(found["model"], found["version"])
        raise UnexpectedAnswerError(f"{archive} is registered, but the answer names no version: {answer}", code=200)

    def set_default(self, model: str, version: str) -> None:
        """Make a version the default: it answers requests that name none. Requests in a queue stay where they are.

        Raises:
            VersionNotFoundError: it is not registered. Whether it has workers is not checked.
        """
        self._change("PUT", _path(model, version, "set-default"))

    def scale(self, model: str, version: str, *, workers: int) -> None:
        """Ask for a number of workers; more of them load after this has returned, fewer are killed at once.

        A killed worker loses the requests it has: quiesce it first (operations/quiesce.py). The call is made again
        after a race inside TorchServe.

        Raises:
            VersionNotFoundError: it is not registered.
        """
        self._retries.call(
            lambda: self._change("PUT", _path(model, version), min_worker=workers, max_worker=workers),
            should_retry=is_torchserve_race,
        )

    def unregister(self, model: str, version: str) -> None:
        """Remove a version; requests in its queue are never answered: empty it first (operations/quiesce.py).

        Raises:
            DefaultVersionError, VersionNotFoundError
        """
        self._change("DELETE", _path(model, version))

    def explain(self, model: str, version: str | None, fault: NotAcceptedError) -> NotAcceptedError:
        """Return the error that says whether the queue was full or there was no worker."""
        described = self.describe(model, version)
        name = f"{model} {described.version}"
        if described.workers:
            return QueueFullError(f"the queue of {name} is full: try again", code=fault.code, kind=fault.kind)
        return NoWorkerError(f"{name} has no worker", code=fault.code, kind=fault.kind)

    def _get(self, path: str, **parameters: str | int) -> Any:
        response = self._retries.call(lambda: self._send("GET", path, parameters))
        try:
            return response.json()
        except ValueError as fault:
            raise UnexpectedAnswerError(f"{path} was answered with no JSON: {response.text[:200]}") from fault

    def _change(self, method: str, path: str, **parameters: str | int) -> str:
        answer: dict[str, Any] = self._send(method, path, parameters).json()
        return str(answer.get("status", ""))

    def _send(self, method: str, path: str, parameters: dict[str, str | int]) -> httpx.Response:
        def send(headers: dict[str, str]) -> httpx.Response:
            with mapped_errors(self._address.removeprefix(UNIX)):
                response = self._http.request(method, path, params=parameters, headers=headers)
                return response.raise_for_status()

        return with_token(self._tokens, "management", send)


def _path(*segments: str) -> str:
    return "/".join(["/models", *(quote(segment, safe="") for segment in segments)])
