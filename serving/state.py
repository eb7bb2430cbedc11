"""What a server serves, in its runtime directory (`state.json`): the state that the next start comes back to.

The launcher writes it, once every version has answered a prediction and after each completed change. What TorchServe
writes by itself (its snapshots) is not read: it also describes starts that were interrupted and changes half made.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pixserve.records import ModelVersion
from pixserve.refused_archives import digest
from pixserve.runtime_directory import RuntimeDirectory
from pixserve.state_files import read_json, set_aside, write_json


@dataclass(frozen=True)
class ServedVersion:
    """One version that was served: the name and SHA-256 of its archive, and how many workers it had."""

    archive: str
    sha256: str
    workers: int


@dataclass(frozen=True)
class ServedModel:
    """One model that was served: its default version, and every version. A retired model has neither."""

    default: str | None = None
    versions: dict[str, ServedVersion] = field(default_factory=dict)


State = dict[str, ServedModel]  # by the model's name


def read_state(directory: RuntimeDirectory) -> State | None:
    """Return what was served last, or None before the first completed start.

    A file that makes no sense is set aside with a warning, and None is returned.
    """
    content = read_json(directory.state)
    if content is None:
        return None
    try:
        return {model: _served_model(entry) for model, entry in content["models"].items()}
    except (AttributeError, KeyError, TypeError, ValueError) as fault:
        set_aside(directory.state, f"{type(fault).__name__}: {fault}")
        return None


def write_state(directory: RuntimeDirectory, state: State) -> None:
    """Replace the state, atomically.

    Raises:
        OSError: it could not be written; the earlier state is still there.
    """
    write_json(directory.state, {"models": {model: asdict(served) for model, served in state.items()}})


def updated(before: State, versions: Iterable[ModelVersion], *, store: Path) -> tuple[State, bool]:
    """Return the state after a change, and whether every change in it is completed.

    A version counts once all its workers are ready. One that is still loading, or that never loads, is what it was
    before: absent, or as it was last served; likewise the default. A model without any version stays known, so that it
    is not loaded again.
    """
    served: dict[str, dict[str, ServedVersion]] = {model: {} for model in before}
    defaults: dict[str, str | None] = {model: known.default for model, known in before.items()}
    completed = True
    for version in versions:
        known = before.get(version.model, ServedModel()).versions.get(version.version)
        if version.is_ready:
            known = _as_served(version, known, store=store)
        else:
            completed = False
        if known:
            served.setdefault(version.model, {})[version.version] = known
            if version.is_default:
                defaults[version.model] = version.version
    return {model: _with_default(of_model, defaults.get(model)) for model, of_model in served.items()}, completed


def _with_default(versions: dict[str, ServedVersion], default: str | None) -> ServedModel:
    return ServedModel(default if default in versions else None, versions)


def _as_served(version: ModelVersion, before: ServedVersion | None, *, store: Path) -> ServedVersion:
    """Return what is served of a version; its digest is that of the archive at the time it was loaded."""
    name = Path(version.archive).name
    if before and before.archive == name:
        return ServedVersion(name, before.sha256, version.wanted_workers)
    path = store / name
    return ServedVersion(name, digest(path) if path.is_file() else "", version.wanted_workers)


def _served_model(entry: dict[str, Any]) -> ServedModel:
    versions = {version: _served_version(found) for version, found in entry["versions"].items()}
    default = entry["default"]
    if default is not None and default not in versions:
        raise ValueError(f"the default version {default} is not among {sorted(versions)}")
    return ServedModel(default, versions)


def _served_version(entry: dict[str, Any]) -> ServedVersion:
    served = ServedVersion(str(entry["archive"]), str(entry["sha256"]), int(entry["workers"]))
    if served.workers < 1:
        raise ValueError(f"{served.archive} has {served.workers} workers")
    return served
