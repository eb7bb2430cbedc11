"""The model store: which archives it holds, and what each says of itself."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pixserve.archive_facts import manifest_model
from pixserve.records import version_key
from serving.errors import ServingError


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
                model = manifest_model(archive)
                config = yaml.safe_load(archive.read(model["configFile"])) if "configFile" in model else {}
            return cls(path, model["modelName"], model["modelVersion"], config or {})
        except (zipfile.BadZipFile, KeyError, TypeError, ValueError, yaml.YAMLError, OSError) as fault:
            raise ServingError(f"{path} is not a model archive ({fault}); build it with `make archive`") from fault


def read_store(store: Path) -> list[Archive]:
    """Return the archives of a model store, sorted by model and then by version, oldest first.

    Raises:
        ServingError: the store is missing or empty, a file of it is no archive, or two hold the same version.
    """
    archives = [Archive.read(path) for path in sorted(store.glob("*.mar"))]
    if not archives:
        raise ServingError(f"there is no archive in {store}; build one with `make archive`")
    seen: dict[tuple[str, str], Archive] = {}
    for archive in archives:
        twin = seen.setdefault((archive.model, archive.version), archive)
        if twin is not archive:
            raise ServingError(
                f"{twin.path.name} and {archive.path.name} in {store} both hold {archive.model} {archive.version}; "
                "remove one of them"
            )
    return sorted(archives, key=lambda archive: (archive.model, version_key(archive.version)))
