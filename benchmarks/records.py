"""Which record a benchmark takes where none is named."""

import json
from pathlib import Path

from pixserve.records import version_key


def newest_record(folder: Path) -> Path:
    """Return the record of the newest version in a folder; 10.0 is newer than 2.0.

    Raises:
        FileNotFoundError: there is none.
    """
    records = list(folder.glob("*.json"))
    if not records:
        raise FileNotFoundError(f"there is no record in {folder}")
    return max(records, key=lambda path: version_key(json.loads(path.read_text())["version"]))
