"""A .mar archive as the model of a job: unpacked as TorchServe does it, with the code that it carries."""

import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scoring.errors import ModelError

MANIFEST = "MAR-INF/MANIFEST.json"
CLASS_NAMES = "index_to_name.json"
FOLDER_NAMES = "folder_names.json"  # what the folders of the training images were called, in the order of the classes
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
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
                model = json.loads(archive.read(MANIFEST))["model"]
                classes = json.loads(archive.read(CLASS_NAMES))
                folders = json.loads(archive.read(FOLDER_NAMES)) if FOLDER_NAMES in names else []
            class_names = tuple(classes[str(index)] for index in range(len(classes)))
        except FileNotFoundError as missing:
            raise ModelError(f"there is no archive {path}; `make archive` packs the shipped ones") from missing
        except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as fault:
            raise ModelError(
                f"{path} is no archive of an image classifier ({fault}); `make archive` packs one"
            ) from fault
        if not all(any(name.startswith(f"{room}/") for name in names) for room in ROOMS):
            raise ModelError(f"{path} does not carry {', '.join(ROOMS)}: pack it again with archive.py")
        return cls(path, sha256, model["modelName"], str(model["modelVersion"]), class_names, tuple(folders))

    def unpack(self, folder: Path) -> Path:
        """Unpack into `folder`, as TorchServe does before a worker starts; return it."""
        with zipfile.ZipFile(self.path) as archive:
            archive.extractall(folder)
        return folder


def manifest_model(model_dir: Path) -> dict[str, Any]:
    """Section `model` of an unpacked archive's manifest."""
    model: dict[str, Any] = json.loads((model_dir / MANIFEST).read_text(encoding="utf-8"))["model"]
    return model
