"""An archive of the model store, read before it is registered."""

import zipfile
from pathlib import Path

from operations.errors import RolloutError
from pixserve import archive_facts


class ArchiveFacts(archive_facts.ArchiveFacts):
    """What an archive says of itself, see `pixserve.archive_facts`."""

    @classmethod
    def read(cls, path: Path) -> "ArchiveFacts":
        """Read a .mar file.

        Raises:
            RolloutError: it is missing, not an archive of torch-model-archiver, or has no class names.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                return cls.of(archive)
        except FileNotFoundError as missing:
            raise RolloutError(f"the server's model store holds no {path.name}: `make archive` packs one") from missing
        except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as fault:
            raise RolloutError(
                f"{path} is not an archive of an image classifier ({fault}); `make archive` packs one"
            ) from fault
