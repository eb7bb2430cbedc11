"""Files of an input: a folder with all below it, a glob, a list of paths, or one file."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from glob import has_magic, iglob
from pathlib import Path

from images.files import is_image_file
from scoring.errors import SourceError

LIST_SUFFIXES = (".txt", ".lst")
TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
TABLE_SUFFIXES = (".parquet", ".pq")


@dataclass
class PassedOver:
    """Counts files of a folder that are neither images, by name, nor tars or tables."""

    files: int = 0


def is_tar(path: str) -> bool:
    """Whether a file is a tar, by its name."""
    return path.lower().endswith(TAR_SUFFIXES)


def is_table(path: str) -> bool:
    """Whether a file is a Parquet table, by its name."""
    return path.lower().endswith(TABLE_SUFFIXES)


def files_of(source: str, *, root: Path | None, passed_over: PassedOver) -> Iterator[str]:
    """Yield the paths of a folder, of what a glob matches, of a list, or of one file.

    A folder is walked in the order of its names, a directory at a time, so memory does not grow with the files. Folders
    give images (by name), tars and tables; what a list or a glob names is taken as it is.

    Raises:
        SourceError: there is no such input.
    """
    path = Path(source)
    if path.is_dir():
        yield from _walk(source, passed_over)
    elif source.endswith(LIST_SUFFIXES) and path.is_file():
        with path.open(encoding="utf-8", errors="surrogateescape") as lines:
            for line in lines:
                if name := line.rstrip("\r\n"):
                    yield str(root / name) if root else name
    elif path.exists():
        yield source
    elif has_magic(source):
        yield from _matches(source, passed_over)
    else:
        raise SourceError(f"there is no {source}; expected a folder, a tar, a Parquet table, a list (.txt) or a glob")


def _matches(pattern: str, passed_over: PassedOver) -> Iterator[str]:
    matches = sorted(iglob(pattern, recursive=True))  # noqa: PTH207 (Path.glob takes no absolute pattern)
    if not matches:
        raise SourceError(f"nothing matches {pattern}")
    for match in matches:
        if not Path(match).is_dir():
            yield match
        elif "**" not in pattern:  # which has matched what is in the folder, too
            yield from _walk(match, passed_over)


def _walk(folder: str, passed_over: PassedOver) -> Iterator[str]:
    for parent, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = os.path.join(parent, name)  # noqa: PTH118 (a third of Path's time, and there are millions)
            wanted = is_image_file(Path(name)) or ((is_tar(name) or is_table(name)) and not name.startswith("."))
            if wanted:  # by its name: one that is no file gets a row that says so
                yield path
            else:
                passed_over.files += 1


def _refuse(fault: OSError) -> None:
    """A folder that cannot be listed would be rows that are missing without a word."""
    raise SourceError(f"{fault.filename} cannot be listed: {fault.strerror}") from fault
