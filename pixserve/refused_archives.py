"""Archives that a rollout refused: a file `<archive>.refused` beside each says why.

A start with a fresh runtime directory serves every archive of the model store but these. The mark is for the bytes
that were refused: an archive packed anew under the same name is not refused.
"""

import hashlib
from pathlib import Path

from pixserve.state_files import read_json, write_json


def mark_refused(archive: Path, reason: str) -> None:
    """Mark an archive as refused; `reason` is a sentence for people.

    Raises:
        OSError: the archive cannot be read, or the model store cannot be written.
    """
    write_json(_mark(archive), {"sha256": digest(archive), "reason": reason})


def clear_refusal(archive: Path) -> None:
    """Remove the mark, such as after a rollout that accepted the archive. Without a mark nothing happens."""
    _mark(archive).unlink(missing_ok=True)


def refusal(archive: Path) -> str | None:
    """Return why these bytes were refused, or None if they were not."""
    mark = read_json(_mark(archive))
    if not isinstance(mark, dict) or mark.get("sha256") != digest(archive):
        return None
    return str(mark.get("reason", "no reason is given"))


def digest(archive: Path) -> str:
    """Return the SHA-256 of an archive, in hexadecimal."""
    with archive.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _mark(archive: Path) -> Path:
    return archive.with_name(archive.name + ".refused")
