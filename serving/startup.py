"""Which versions a start loads, and what it says about them.

On the first start: every archive of the model store that no rollout has refused; the newest version of each model is
its default. Later: what was served before, and nothing else of the same models, whatever the store holds meanwhile.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixserve.archive_signatures import SignatureError, require_signature
from pixserve.refused_archives import digest, refusal
from pixserve.runtime_directory import RuntimeDirectory
from serving.archives import Archive
from serving.errors import ServingError
from serving.state import ServedModel, ServedVersion, State

# What TorchServe takes from a `model_snapshot` and would otherwise read from the archive's model-config.yaml.
BATCHING_KEYS = ("batchSize", "maxBatchDelay", "responseTimeout", "startupTimeout")

# What a server can be tuned for, and what that changes of each archive's own settings.
PROFILES: dict[str, dict[str, int]] = {
    "throughput": {},  # requests share forward passes: most a second; a lone one waits 1 ms for a batch
    "latency": {"batchSize": 1},  # each request on its own, at once
}


@dataclass(frozen=True)
class Startup:
    """What is loaded.

    Args:
        archives: those that are loaded.
        state: what will be served once they have loaded; models that were retired are known in it, without versions.
        notes: sentences for the person who starts the server: what differs from before, and what is not loaded.
    """

    archives: tuple[Archive, ...]
    state: State
    notes: tuple[str, ...]

    @property
    def versions(self) -> set[tuple[str, str]]:
        """Model and version of everything that is loaded."""
        return {(archive.model, archive.version) for archive in self.archives}

    def snapshot(self, profile: str) -> dict[str, Any]:
        """Return TorchServe's `model_snapshot`: the one way to start several versions with a chosen default.

        Args:
            profile: what to serve for, one of `PROFILES`.
        """
        models: dict[str, dict[str, Any]] = {}
        for archive in self.archives:
            model = self.state[archive.model]
            workers = model.versions[archive.version].workers
            models.setdefault(archive.model, {})[archive.version] = {
                "marName": archive.path.name,
                "defaultVersion": archive.version == model.default,
                "minWorkers": workers,
                "maxWorkers": workers,
                **{key: archive.config[key] for key in BATCHING_KEYS if key in archive.config},
                **PROFILES[profile],
            }
        return {"name": "startup.cfg", "modelCount": len(self.archives), "models": models}


def plan_startup(
    archives: list[Archive],
    before: State | None,
    *,
    directory: RuntimeDirectory,
    workers: int,
    public_key: Path | None = None,
) -> Startup:
    """Decide what a start loads.

    Args:
        archives: the model store, each model's oldest version first.
        before: what was served last, or None on the first start.
        directory: the server's; an error names its state file.
        workers: worker processes of a version, where `before` does not say.
        public_key: the key that an archive must be signed with; None: any may be loaded.

    Raises:
        ServingError: there is nothing to load.
    """
    notes: list[str] = []
    loaded: list[Archive] = []
    state: State = {}
    for model in dict.fromkeys([*(archive.model for archive in archives), *(before or {})]):
        of_model = [archive for archive in archives if archive.model == model]
        past = (before or {}).get(model)
        chosen = list(_not_refused(of_model, notes) if past is None else _as_before(model, of_model, past, notes))
        if public_key:
            chosen = list(_signed(chosen, public_key, notes))
        loaded += chosen
        state[model] = _planned(model, chosen, past, workers, notes)
    if not loaded:
        raise ServingError(_nothing_to_load(notes, directory, before))
    return Startup(tuple(loaded), state, tuple(notes))


def _not_refused(archives: list[Archive], notes: list[str]) -> Iterator[Archive]:
    """Yield the archives of a model that was never served, but for those that a rollout refused."""
    for archive in archives:
        if reason := refusal(archive.path):
            notes.append(f"{archive.path.name} is not loaded: a rollout refused it ({reason})")
        else:
            yield archive


def _as_before(model: str, archives: list[Archive], past: ServedModel, notes: list[str]) -> Iterator[Archive]:
    """Yield what was served of a model; note what is missing, what has changed and what is new in the store."""
    for archive in archives:
        served = past.versions.get(archive.version)
        if served is None:
            notes.append(_why_not_loaded(archive))
            continue
        if served.sha256 != digest(archive.path):
            notes.append(f"{archive.path.name} has changed since it was last served; it is loaded as it is now")
        yield archive
    for version in sorted(set(past.versions) - {archive.version for archive in archives}):
        name = past.versions[version].archive
        notes.append(f"{model} {version} was served before; its archive {name} is not in the model store any more")


def _signed(archives: list[Archive], public_key: Path, notes: list[str]) -> Iterator[Archive]:
    for archive in archives:
        try:
            require_signature(archive.path, public_key=public_key)
        except SignatureError as fault:
            notes.append(f"{archive.path.name} is not loaded: {fault}")
        else:
            yield archive


def _why_not_loaded(archive: Archive) -> str:
    name = archive.path.name
    if reason := refusal(archive.path):
        return f"{name} is not loaded: a rollout refused it ({reason})"
    return (
        f"{name} is not loaded: {archive.model} {archive.version} was not served before. "
        f"`pixserve rollout {name} --gate FOLDER` compares and loads it; `pixserve register {name}` only loads it"
    )


def _planned(
    model: str, archives: list[Archive], past: ServedModel | None, workers: int, notes: list[str]
) -> ServedModel:
    """Return what will be served of a model: the default and the workers of before, where they still apply."""
    if not archives:
        return ServedModel()
    default = past.default if past else None
    if default not in [archive.version for archive in archives]:
        newest = archives[-1].version
        if default:
            notes.append(f"{model} {default} was the default; {newest} is the default now")
        default = newest
    served = past.versions if past else {}
    return ServedModel(
        default,
        {
            archive.version: ServedVersion(
                archive.path.name,
                digest(archive.path),
                served[archive.version].workers if archive.version in served else workers,
            )
            for archive in archives
        },
    )


def _nothing_to_load(notes: list[str], directory: RuntimeDirectory, before: State | None) -> str:
    remedy = (
        "pack another archive" if before is None else f"remove {directory.state} to serve the whole model store again"
    )
    return "\n".join([f"there is no version to serve: {remedy}", *notes])
