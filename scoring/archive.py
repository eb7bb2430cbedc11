"""A .mar archive as the model of a job: unpacked as TorchServe does it, with the code that it carries."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixserve.archive_facts import MANIFEST, ArchiveFacts
from pixserve.refused_archives import digest
from scoring.errors import ModelError

ROOMS = ("images", "engine", "handler")  # the code that an archive carries


@dataclass(frozen=True)
class Archive:
    """What an archive says of itself, and the SHA-256 of its bytes."""

    path: Path
    sha256: str
    model: str
    version: str
    class_names: tuple[str, ...]
    folder_names: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> "Archive":
        """Read a .mar file.

        Raises:
            ModelError: it is missing, or is no archive of an image classifier that carries its code.
        """
        try:
            sha256 = digest(path)
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
                facts = ArchiveFacts.of(archive)
        except FileNotFoundError as missing:
            raise ModelError(f"there is no archive {path}; `make archive` packs the shipped ones") from missing
        except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as fault:
            raise ModelError(
                f"{path} is no archive of an image classifier ({fault}); `make archive` packs one"
            ) from fault
        if not all(any(name.startswith(f"{room}/") for name in names) for room in ROOMS):
            raise ModelError(f"{path} does not carry {', '.join(ROOMS)}: pack it again with archive.py")
        return cls(path, sha256, facts.model, facts.version, facts.class_names, facts.folder_names)

    def unpack(self, folder: Path) -> Path:
        """Unpack into `folder`, as TorchServe does before a worker starts; return it."""
        with zipfile.ZipFile(self.path) as archive:
            archive.extractall(folder)
        return folder


def manifest_model(model_dir: Path) -> dict[str, Any]:
    """Section `model` of an unpacked archive's manifest."""
    model: dict[str, Any] = json.loads((model_dir / MANIFEST).read_text(encoding="utf-8"))["model"]
    return model
