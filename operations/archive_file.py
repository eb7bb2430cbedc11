"""What an archive of the model store says of itself, before it is registered."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

from operations.errors import RolloutError

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
    def read(cls, path: Path) -> "ArchiveFacts":
        """Read a .mar file.

        Raises:
            RolloutError: it is missing, not an archive of torch-model-archiver, or has no class names.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                model = json.loads(archive.read(MANIFEST))["model"]
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
        except FileNotFoundError as missing:
            raise RolloutError(f"the server's model store holds no {path.name}: `make archive` packs one") from missing
        except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as fault:
            raise RolloutError(
                f"{path} is not an archive of an image classifier ({fault}); `make archive` packs one"
            ) from fault
