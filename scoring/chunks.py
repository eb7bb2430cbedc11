"""The unit of work: so many images of the input, by reference; each chunk becomes one part of the output.

The same input gives the same chunks, so a job that goes on knows which of them it has. Bytes travel only where there is
no other way to reach them (a compressed tar).
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

MAX_INLINE_BYTES = 16 << 20  # a chunk that carries its images ends here


class Span(NamedTuple):
    """An image inside a file: `size` bytes from `offset`."""

    path: str
    offset: int
    size: int


class Entry(NamedTuple):
    """One image: the key of its row, where its bytes are (a path, a span, or they themselves), its label, if any."""

    key: str
    where: str | Span | bytes
    label: str | None = None


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns of a Parquet table: the image (bytes or a path), and those for key and label, if there are any."""

    image: str
    key: str | None = None
    label: str | None = None


@dataclass(frozen=True)
class TableRows:
    """`count` rows of one row group of a Parquet file, after the first `skip`; the group starts at row `first`."""

    path: str
    row_group: int
    first: int
    skip: int
    count: int
    columns: Columns


@dataclass(frozen=True)
class Chunk:
    """Images of the input, in order.

    Attributes:
        index: of the chunk, from 0; its part has that number.
        images: how many there are, and so how many rows its part has.
        fingerprint: SHA-256 of what identifies the images: if it differs, the input has changed.
    """

    index: int
    images: int
    fingerprint: str
    entries: tuple[Entry, ...] | TableRows


def chunks_of(pieces: Iterable[Entry | TableRows], *, size: int) -> Iterator[Chunk]:
    """Cut what a source lists into chunks of at most `size` images; rows of a table come as chunks of their own."""
    index, waiting, inline = 0, list[Entry](), 0
    for piece in pieces:
        if isinstance(piece, TableRows):
            if waiting:
                yield _chunk(index, tuple(waiting))
                index, waiting, inline = index + 1, [], 0
            yield Chunk(index, piece.count, hashlib.sha256(repr(piece).encode()).hexdigest(), piece)
            index += 1
            continue
        waiting.append(piece)
        inline += len(piece.where) if isinstance(piece.where, bytes) else 0
        if len(waiting) == size or inline >= MAX_INLINE_BYTES:
            yield _chunk(index, tuple(waiting))
            index, waiting, inline = index + 1, [], 0
    if waiting:
        yield _chunk(index, tuple(waiting))


def _chunk(index: int, entries: tuple[Entry, ...]) -> Chunk:
    digest = hashlib.sha256()
    for key, where, label in entries:
        place = (len(where),) if isinstance(where, bytes) else where
        digest.update(repr((key, place, label)).encode("utf-8", "surrogateescape"))
    return Chunk(index, len(entries), digest.hexdigest(), entries)
