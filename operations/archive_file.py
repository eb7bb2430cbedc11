"""What an archive of the model store says of itself, before it is registered."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

from operations.errors import RolloutError

MANIFEST = "MAR-INF/MANIFEST.json"  # torch-model-archiver writes it
CLASS_NAMES = "index_to_name.json"  # the file that TorchServe's own handlers read


@dataclass(frozen=True)
class ArchiveFacts:
    """The model, the version and the class names of an archive; the names in the order of the logits."""

    model: str
    version: str
    class_names: tuple[str, ...]

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
                return cls(
                    model["modelName"],
                    model["modelVersion"],
                    tuple(str(names[str(index)]) for index in range(len(names))),
                )
        except FileNotFoundError as missing:
            raise RolloutError(f"the server's model store holds no {path.name}: `make archive` packs one") from missing
        except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as fault:
            raise RolloutError(
                f"{path} is not an archive of an image classifier ({fault}); `make archive` packs one"
            ) from fault
