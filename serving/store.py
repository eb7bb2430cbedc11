"""What the model store holds, and which of it a server loads: versions, default, and the state of the last run."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import javaproperties
import yaml

from pixserve.records import version_key
from serving.errors import ServingError

# What TorchServe takes from a snapshot and would otherwise read from the archive's model-config.yaml.
BATCHING_KEYS = ("batchSize", "maxBatchDelay", "responseTimeout", "startupTimeout")

# What a server can be tuned for, and what that changes of each archive's own settings.
PROFILES: dict[str, dict[str, int]] = {
    "throughput": {},  # requests share forward passes: most a second; a lone one waits 1 ms for company
    "latency": {"batchSize": 1},  # each request on its own, at once
}


@dataclass(frozen=True)
class Archive:
    """One .mar file of the store: its model, version, and the front-end settings of its model-config.yaml."""

    path: Path
    model: str
    version: str
    config: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> "Archive":
        """Read the manifest and settings of an archive.

        Raises:
            ServingError: the file is no archive that torch-model-archiver could have written.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                model = json.loads(archive.read("MAR-INF/MANIFEST.json"))["model"]
                config = yaml.safe_load(archive.read(model["configFile"])) if "configFile" in model else {}
        except (zipfile.BadZipFile, KeyError, ValueError, yaml.YAMLError) as fault:
            raise ServingError(f"{path} is not a model archive ({fault}); build it with `make archive`") from fault
        return cls(path, model["modelName"], model["modelVersion"], config)


def read_store(store: Path) -> list[Archive]:
    """Return the archives of a model store, sorted by model and then by version, oldest first.

    Raises:
        ServingError: the store is missing or empty, or a file of it is no archive.
    """
    archives = [Archive.read(path) for path in store.glob("*.mar")]
    if not archives:
        raise ServingError(f"there is no archive in {store}; build one with `make archive`")
    return sorted(archives, key=lambda archive: (archive.model, version_key(archive.version)))


def snapshot(archives: list[Archive], *, snapshots: Path, workers: int, profile: str = "throughput") -> dict[str, Any]:
    """Return TorchServe's `model_snapshot`: what to load, with how many workers, and each model's default version.

    A snapshot is the one way to start several versions with a chosen default. On the first start it holds every
    archive, the newest version of each model its default. Later it is what ran last (versions, default, workers),
    plus the archives built since; one that was unregistered stays away until it is built again.

    Args:
        archives: the model store, oldest version first.
        snapshots: the directory of TorchServe's own snapshots.
        workers: workers a version, where the last run does not say.
        profile: what to serve for, one of `PROFILES`.
    """
    before = last_state(snapshots)
    models: dict[str, dict[str, Any]] = {}
    for archive in archives:
        past = before.models.get(archive.model, {}).get(archive.version)
        if past is None and before.time_s > archive.path.stat().st_mtime:
            continue
        models.setdefault(archive.model, {})[archive.version] = (
            _entry(archive, past, workers=workers) | PROFILES[profile]
        )
    for model, versions in models.items():
        _choose_default(versions, before.models.get(model, {}))
    return {"name": "startup.cfg", "modelCount": sum(map(len, models.values())), "models": models}


@dataclass(frozen=True)
class State:
    """What TorchServe served when it last wrote a snapshot: `models[name][version]`, and when (seconds, epoch)."""

    models: dict[str, dict[str, Any]]
    time_s: float


def last_state(snapshots: Path) -> State:
    """Read TorchServe's newest own snapshot: it writes one at each start, change of models, and stop."""
    newest = max(snapshots.glob("*.cfg"), key=lambda path: path.stat().st_mtime, default=None)
    if newest is None:
        return State(models={}, time_s=0)
    with newest.open() as file:
        models = json.loads(javaproperties.load(file)["model_snapshot"])["models"]
    return State(models, newest.stat().st_mtime)


def _entry(archive: Archive, past: dict[str, Any] | None, *, workers: int) -> dict[str, Any]:
    settings = {key: archive.config[key] for key in BATCHING_KEYS if key in archive.config}
    count = {key: past[key] if past else workers for key in ("minWorkers", "maxWorkers")}
    return {"marName": archive.path.name, "defaultVersion": False, **count, **settings}


def _choose_default(versions: dict[str, Any], past: dict[str, Any]) -> None:
    """Mark the default of the last run, or the newest version where that one is gone or there was none."""
    was_default = [version for version in versions if past.get(version, {}).get("defaultVersion")]
    versions[(was_default or list(versions))[-1]]["defaultVersion"] = True
