"""What a .mar archive says of itself: torch-model-archiver's manifest, and the names that archive.py packs."""

import json
import zipfile
from dataclasses import dataclass
from typing import Any, Self

MANIFEST = "MAR-INF/MANIFEST.json"  # torch-model-archiver writes it
CLASS_NAMES = "index_to_name.json"  # the file that TorchServe's own handlers read
FOLDER_NAMES = "folder_names.json"  # what the folders of the training images were called, in the order of the classes


@dataclass(frozen=True)
class ArchiveFacts:
    """What an archive says of itself.

    Args:
        model: the model's name.
        version: the model's version.
        class_names: in the order of the logits.
        folder_names: of the folders of its training images, in the same order; empty where the archive does not say.
    """

    model: str
    version: str
    class_names: tuple[str, ...]
    folder_names: tuple[str, ...] = ()

    @property
    def classes_of_folders(self) -> dict[str, str]:
        """The class that each folder of the training images stands for."""
        return dict(zip(self.folder_names, self.class_names, strict=True)) if self.folder_names else {}

    @classmethod
    def of(cls, archive: zipfile.ZipFile) -> Self:
        """Read them from an open archive.

        Raises:
            KeyError, TypeError, ValueError: it is no archive of an image classifier.
        """
        model = manifest_model(archive)
        names = json.loads(archive.read(CLASS_NAMES))
        folders = json.loads(archive.read(FOLDER_NAMES)) if FOLDER_NAMES in archive.namelist() else []
        if folders and len(folders) != len(names):
            raise ValueError(f"{FOLDER_NAMES} has {len(folders)} names for {len(names)} classes")
        return cls(
            model["modelName"],
            model["modelVersion"],
            tuple(str(names[str(index)]) for index in range(len(names))),
            tuple(map(str, folders)),
        )


def manifest_model(archive: zipfile.ZipFile) -> dict[str, Any]:
    """Section `model` of the manifest.

    Raises:
        KeyError, TypeError, ValueError: there is none.
    """
    model: dict[str, Any] = json.loads(archive.read(MANIFEST))["model"]
    return model
