"""Images in tars, as WebDataset writes them: members of one key (the name up to its first dot) are a sample."""

import tarfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from images.files import is_image_file
from scoring.chunks import Entry, Span
from scoring.errors import SourceError

COMPRESSED = ("gz", "xz", "bz2", "tgz")


def entries_of_tar(path: str) -> Iterator[Entry]:
    """Yield the images of a tar: spans of a plain one, bytes of a compressed one; `.cls` beside an image is its label.

    Raises:
        SourceError: it is no tar, or is cut short.
    """
    inline = path.lower().endswith(COMPRESSED)
    try:
        with tarfile.open(path, "r|*" if inline else "r:") as tar:
            for _, sample in groupby(_members(tar, path, inline=inline), key=lambda member: _sample_key(member[0])):
                yield from _entries(list(sample))
    except (tarfile.TarError, EOFError, OSError) as fault:
        raise SourceError(f"{path} cannot be read as a tar: {fault}") from fault


def _members(tar: tarfile.TarFile, path: str, *, inline: bool) -> Iterator[tuple[str, str, Span | bytes]]:
    """Name, key of its row, and place of each file that is an image or a label."""
    for member in tar:
        tar.members = []  # type: ignore[attr-defined]  # which would grow with the tar
        name = Path(member.name)
        if not member.isfile() or not (is_image_file(name) or name.suffix == ".cls"):
            continue
        where: Span | bytes = Span(path, member.offset_data, member.size)
        if inline or name.suffix == ".cls":
            content = tar.extractfile(member)
            if content is None:
                raise SourceError(f"{path}: {member.name} cannot be read")
            where = content.read()
        yield member.name, f"{path}:{member.name}", where


def _entries(sample: list[tuple[str, str, Span | bytes]]) -> Iterator[Entry]:
    label = next((_text(where) for name, _, where in sample if name.endswith(".cls")), None)
    for name, key, where in sample:
        if not name.endswith(".cls"):
            yield Entry(key, where, label)


def _sample_key(name: str) -> str:
    folder, slash, base = name.rpartition("/")
    return folder + slash + base.partition(".")[0]


def _text(where: Span | bytes) -> str:
    assert isinstance(where, bytes)
    return where.decode("utf-8", "replace").strip()
