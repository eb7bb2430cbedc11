"""Whether the server is started and ready: what the launcher has written, and what TorchServe says of its workers."""

import json
from typing import NamedTuple

from front.models import Models
from front.upstream import UpstreamError
from pixserve.runtime_directory import RuntimeDirectory


class Readiness(NamedTuple):
    """Whether it is so; if not, the reason as a sentence for a person, else empty."""

    ready: bool
    reason: str = ""


READY = Readiness(True)


class ServerState:
    """What can be known of the server's state; TorchServe is asked when somebody wants to know, and not otherwise.

    Args:
        directory: the server's runtime directory.
        models: what TorchServe has registered.
    """

    def __init__(self, directory: RuntimeDirectory, models: Models) -> None:
        self._directory = directory
        self._models = models
        self.is_stopping = False

    def started(self) -> Readiness:
        """Whether every version has loaded and answered an image since TorchServe was started."""
        return (
            READY
            if self._started_models() is not None
            else Readiness(False, "the server starts: not every version answers yet")
        )

    def announce_stop(self) -> None:
        """Be unready from now on: the server will refuse requests soon."""
        self.is_stopping = True

    async def ready(self) -> Readiness:
        """Whether requests that name no version are answered.

        The server has started and is not told to stop, and each model's default version has a worker that is ready.
        """
        if self.is_stopping:
            return Readiness(False, "the server is stopping")
        models = self._started_models()
        return self.started() if models is None else await self._default_workers(models)

    async def _default_workers(self, models: list[str]) -> Readiness:
        """Whether the default version of each model that the server started with has a worker that is ready."""
        served = 0
        for model in models:
            try:
                version = await self._models.version(model, None)
            except UpstreamError as fault:
                return Readiness(False, str(fault))
            if version is None:  # retired since
                continue
            if not version.ready_workers:
                return Readiness(False, f"no worker of {model} {version.version}, the default version, is ready")
            served += 1
        return READY if served else Readiness(False, "no model is served")

    def _started_models(self) -> list[str] | None:
        """The models the server was started with; None while it starts."""
        try:
            models: list[str] = json.loads(self._directory.started.read_bytes())["models"]
        except FileNotFoundError:
            return None
        return models
