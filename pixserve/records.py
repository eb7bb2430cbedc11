"""What the clients return: frozen dataclasses, the same for REST and gRPC."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from packaging.version import InvalidVersion, Version


@dataclass(frozen=True)
class RankedClass:
    """One class of an answer: its index in the order of the logits, its name, and its probability in [0, 1]."""

    index: int
    name: str
    probability: float

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> "RankedClass":
        """Read an entry of an answer's `top`."""
        return cls(int(entry["class"]), str(entry["class_name"]), float(entry["probability"]))


@dataclass(frozen=True)
class Prediction:
    """The classes of one image, as many as were asked for, best first, and the version that answered."""

    top: tuple[RankedClass, ...]
    model_version: str

    @classmethod
    def from_json(cls, answer: Mapping[str, Any]) -> "Prediction":
        """Read the body of an answer.

        Raises:
            KeyError, TypeError, ValueError: it is no answer of an image handler.
        """
        return cls(tuple(map(RankedClass.from_json, answer["top"])), str(answer["model_version"]))

    @property
    def best(self) -> RankedClass:
        """The class with the greatest probability."""
        return self.top[0]

    def to_json(self) -> dict[str, Any]:
        """The record in the field names of the handler's answer."""
        top = [{"class": kind.index, "class_name": kind.name, "probability": kind.probability} for kind in self.top]
        return {**top[0], "top": top, "model_version": self.model_version}


@dataclass(frozen=True)
class Explanation:
    """Which pixels of an image spoke for a class.

    Attributes:
        target: the class that is explained, with the probability that the model answers for it.
        heat_map: (S, S), S the side of the images that the model takes, row by row from the top left: how much of the
            class's log-odds is owed to each pixel, in nats; below 0 it spoke against the class.
        method: how it was computed.
        network: what was explained, in words.
        model_version: the version that was asked.
        overlay: a PNG of the heat map over the image: red for, blue against.
    """

    target: RankedClass
    heat_map: tuple[tuple[float, ...], ...]
    method: str
    network: str
    model_version: str
    overlay: bytes

    @classmethod
    def from_json(cls, answer: Mapping[str, Any]) -> "Explanation":
        """Read the body of an answer in format `both`.

        Raises:
            KeyError, TypeError, ValueError: it is no explanation.
        """
        return cls(
            RankedClass.from_json(answer),
            tuple(tuple(map(float, row)) for row in answer["heat_map"]),
            str(answer["method"]),
            str(answer["network"]),
            str(answer["model_version"]),
            base64.b64decode(answer["overlay"], validate=True),
        )

    def to_json(self) -> dict[str, Any]:
        """The record in the field names of the server's answer, without the overlay."""
        return {
            "class": self.target.index,
            "class_name": self.target.name,
            "probability": self.target.probability,
            "method": self.method,
            "heat_map": [list(row) for row in self.heat_map],
            "network": self.network,
            "model_version": self.model_version,
        }


@dataclass(frozen=True)
class Health:
    """TorchServe's own opinion of itself: `Healthy` even before a model is loaded, so a prediction proves more."""

    status: str

    @classmethod
    def from_body(cls, body: str | bytes) -> "Health":
        """Read the JSON of `/ping`, which gRPC's Ping returns as text.

        Raises:
            KeyError, TypeError, ValueError: it says nothing of health.
        """
        return cls(str(json.loads(body)["status"]))

    @property
    def healthy(self) -> bool:
        """Whether TorchServe finds all its workers well."""
        return self.status == "Healthy"


@dataclass(frozen=True)
class Worker:
    """One worker process of a version; `pid` is -1 until its process runs."""

    id: str
    pid: int
    ready: bool
    started: str


@dataclass(frozen=True)
class ModelVersion:
    """One registered version: its archive, its workers in the order TorchServe keeps them, and its queue.

    `queued` counts requests that wait for a worker, not those a worker is busy with.
    """

    model: str
    version: str
    archive: str
    is_default: bool
    workers: tuple[Worker, ...]
    wanted_workers: int
    queued: int
    queue_room: int
    batch_size: int
    batch_delay_ms: int

    @classmethod
    def from_json(cls, described: Mapping[str, Any], *, default: str) -> "ModelVersion":
        """Read an entry of TorchServe's description; `default` is the model's default version."""
        queue = described["jobQueueStatus"]
        return cls(
            model=described["modelName"],
            version=described["modelVersion"],
            archive=described["modelUrl"],
            is_default=described["modelVersion"] == default,
            workers=tuple(
                Worker(worker["id"], worker["pid"], worker["status"] == "READY", worker["startTime"])
                for worker in described["workers"]
            ),
            wanted_workers=described["minWorkers"],
            queued=queue["pendingRequests"],
            queue_room=queue["remainingCapacity"],
            batch_size=described["batchSize"],
            batch_delay_ms=described["maxBatchDelay"],
        )

    @property
    def ready_workers(self) -> int:
        """How many workers have loaded the model."""
        return sum(worker.ready for worker in self.workers)

    @property
    def is_ready(self) -> bool:
        """Whether there is a worker, and all that are wanted have loaded the model."""
        return 0 < self.wanted_workers <= self.ready_workers


@dataclass(frozen=True)
class Registered:
    """The model and version of an archive that has been registered."""

    model: str
    version: str


@dataclass(frozen=True, order=True)
class VersionKey:
    """What versions are sorted by; see `version_key`."""

    release: Version
    parts: tuple[tuple[bool, int, str], ...]


OLDER_THAN_ALL = Version("0.dev0")


def version_key(version: str) -> VersionKey:
    """Return a key that sorts versions oldest first, by PEP 440: 2.0rc1 < 2.0 < 2.0.post1 < v9 < v10.

    What PEP 440 does not know, such as `final-2`, is older than what it does, and sorted by its words and numbers.
    """
    words = re.findall(r"\d+|\D+", version)
    parts = tuple((word.isdecimal(), int(word) if word.isdecimal() else 0, word) for word in words)
    try:
        return VersionKey(Version(version), parts)
    except InvalidVersion:
        return VersionKey(OLDER_THAN_ALL, parts)
