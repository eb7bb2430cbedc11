"""Which version was the default before: read from the snapshots that TorchServe writes at each change and start."""

import json
from collections.abc import Iterable
from pathlib import Path

import javaproperties

from pixserve.runtime_directory import RuntimeDirectory


def earlier_defaults(runtime_directory: RuntimeDirectory, model: str) -> list[str]:
    """The versions to go back to, latest first; the present default is not among them.

    A version that was left by going back to an earlier one is forgotten: rolling back twice goes no further into the
    past than rolling back from where one is, and never forward to the version that was rolled back.
    """
    return list(reversed(_trail(_defaults(runtime_directory.snapshots, model))))[1:]


def _trail(defaults: Iterable[str]) -> list[str]:
    trail: list[str] = []
    for version in defaults:
        if version in trail:
            del trail[trail.index(version) + 1 :]
        else:
            trail.append(version)
    return trail


def _defaults(snapshots: Path, model: str) -> Iterable[str]:
    """The default version in each snapshot, oldest first: their names begin with the time."""
    for path in sorted(snapshots.glob("*.cfg")):
        with path.open() as file:
            versions = json.loads(javaproperties.load(file)["model_snapshot"])["models"].get(model, {})
        yield from (version for version, settings in versions.items() if settings["defaultVersion"])
