"""Which models and versions there are, which of them are ready, and what tensors they take and give."""

import time
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote

from front.refusals import RefusedError
from front.upstream import Upstream, UpstreamError
from pixserve.records import ModelVersion, version_key

FRESH_S = 0.5  # for which an answer of TorchServe's serves all who ask
CLASSES_FRESH_S = 60.0  # a version may be retired, and another archive be registered under its number
MOST_MODELS = "1000"
PLATFORM = "pixserve"


class TensorMetadata(NamedTuple):
    """A tensor: -1 in its shape is any size."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class ModelMetadata:
    """A model as the Open Inference Protocol describes it."""

    name: str
    versions: tuple[str, ...]
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]


INPUTS = (TensorMetadata("image", "BYTES", (-1,)),)


def outputs_of(classes: int) -> tuple[TensorMetadata, ...]:
    """Return the outputs of a model of so many classes, -1 where that is not known."""
    return (
        TensorMetadata("class", "INT64", (-1,)),
        TensorMetadata("class_name", "BYTES", (-1,)),
        TensorMetadata("probability", "FP32", (-1,)),
        TensorMetadata("probabilities", "FP32", (-1, classes)),
        TensorMetadata("error", "BYTES", (-1,)),
    )


class Models:
    """The models that TorchServe has registered.

    Args:
        upstream: asks TorchServe.
    """

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._versions: dict[str, tuple[float, list[ModelVersion]]] = {}
        self._classes: dict[tuple[str, str], tuple[float, int]] = {}

    async def names(self) -> list[str]:
        """Return the names of all models, sorted.

        Raises:
            UpstreamError: TorchServe does not say.
        """
        listed = await self._upstream.ask_management("/models", {"limit": MOST_MODELS})
        return sorted(model["modelName"] for model in (listed or {"models": []})["models"])

    async def versions(self, model: str) -> list[ModelVersion]:
        """Return every version of a model, oldest first; none where there is no such model.

        Raises:
            UpstreamError: TorchServe does not say.
        """
        asked_s, versions = self._versions.get(model, (float("-inf"), []))
        if time.monotonic() - asked_s > FRESH_S:
            versions = await self._ask_for_versions(model)
            self._versions = {known: entry for known, entry in self._versions.items() if _is_fresh(entry[0])}
            self._versions[model] = (time.monotonic(), versions)
        return versions

    async def _ask_for_versions(self, model: str) -> list[ModelVersion]:
        path = f"/models/{quote(model, safe='')}"
        default = await self._upstream.ask_management(path)
        described = await self._upstream.ask_management(f"{path}/all") if default else None
        if not default or not described:
            return []
        versions = [ModelVersion.from_json(entry, default=default[0]["modelVersion"]) for entry in described]
        return sorted(versions, key=lambda version: version_key(version.version))

    async def version(self, model: str, version: str | None) -> ModelVersion | None:
        """Return one version, the default one where none is named; None where there is no such thing.

        Raises:
            UpstreamError: TorchServe does not say.
        """
        for known in await self.versions(model):
            if known.version == version or (not version and known.is_default):
                return known
        return None

    async def require(self, model: str, version: str | None) -> ModelVersion:
        """Return one version, the default one where none is named.

        Raises:
            RefusedError: there is no such thing, or TorchServe does not say.
        """
        try:
            found = await self.version(model, version)
        except UpstreamError as fault:
            raise RefusedError(503, "ServerUnavailable", str(fault)) from fault
        if found is None and version and await self.versions(model):
            known = ", ".join(each.version for each in await self.versions(model))
            raise RefusedError(
                404, "VersionNotFound", f"{model} has no version {version[:100]}; expected one of {known}"
            )
        if found is None:
            raise RefusedError(404, "ModelNotFound", f"there is no model {model[:100]}")
        return found

    async def metadata(self, model: str, version: str | None) -> ModelMetadata:
        """Describe a model: all its versions, or the one that is named.

        Raises:
            RefusedError: there is no such thing.
        """
        described = await self.require(model, version)
        versions = [described.version] if version else [each.version for each in await self.versions(model)]
        outputs = outputs_of(await self._class_count(described))
        return ModelMetadata(model, tuple(versions), INPUTS, outputs)

    async def _class_count(self, version: ModelVersion) -> int:
        """How many classes a version has; -1 while no worker can be asked."""
        key = (version.model, version.version)
        asked_s, count = self._classes.get(key, (float("-inf"), -1))
        if time.monotonic() - asked_s < CLASSES_FRESH_S:
            return count
        if not version.ready_workers:
            return -1
        path = f"/models/{quote(version.model, safe='')}/{quote(version.version, safe='')}"
        try:
            described: Any = await self._upstream.ask_management(path, {"customized": "true"})
            count = len(described[0]["customizedMetadata"]["class_names"])
        except (UpstreamError, KeyError, TypeError):  # its queue is full, or its handler is not ours
            return -1
        self._classes[key] = (time.monotonic(), count)
        return count


def _is_fresh(asked_s: float) -> bool:
    return time.monotonic() - asked_s <= FRESH_S
