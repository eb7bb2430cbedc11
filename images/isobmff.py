"""Boxes of ISO base media files (ISO/IEC 14496-12), as HEIC and AVIF are: brands, items, and where their bytes lie."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from images.errors import DamagedImageError, TooComplexImageError

MAX_BOXES = 20_000  # an image of 48 megapixels in tiles of 512 x 512 has a few hundred
MAX_ITEMS = 1000  # libheif's limit


class Box(NamedTuple):
    """A box: its type, and where its content starts and ends in the file."""

    kind: bytes
    start: int
    end: int


def boxes(data: bytes | bytearray, start: int, end: int) -> Iterator[Box]:
    """The boxes that lie in a part of a file, as far as there are bytes.

    Raises:
        TooComplexImageError: there are more than honest files have.
    """
    for _ in range(MAX_BOXES):
        if start + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", data, start)
        content = start + 8
        if size == 1 and start + 16 <= end:
            (size,) = struct.unpack_from(">Q", data, content)
            content += 8
        stop = min(end, start + size) if size else end
        if stop < content:
            return
        yield Box(kind, content, stop)
        start = stop
    raise TooComplexImageError(f"more than {MAX_BOXES:,} boxes; expected an image of fewer")


def brands(data: bytes | bytearray) -> set[bytes]:
    """Major and compatible brands of a file that starts with its type."""
    box = next(boxes(data, 0, len(data)), None)
    if box is None or box.kind != b"ftyp":
        return set()
    content = bytes(data[box.start : min(box.end, box.start + 4 * MAX_ITEMS)])
    return {content[:4], *(content[i : i + 4] for i in range(8, len(content), 4))}


def item_streams(data: bytes | bytearray, kind: bytes) -> Iterator[bytes]:
    """The bytes of each item of a type, such as `av01`.

    Raises:
        DamagedImageError: the file does not say where they lie, or they lie beyond its end.
        TooComplexImageError: there are more items or boxes than honest files have.
    """
    reader = _Reader(data)
    try:
        meta = next(box for box in boxes(data, 0, len(data)) if box.kind == b"meta")
        inner = {box.kind: box for box in boxes(data, meta.start + 4, meta.end)}
        wanted = set(_items_of(data, inner[b"iinf"], kind))
        yield from reader.items(inner[b"iloc"], inner.get(b"idat"), wanted)
    except (StopIteration, KeyError, struct.error) as error:
        raise DamagedImageError("an image whose items cannot be found; expected an intact one") from error


def _items_of(data: bytes | bytearray, box: Box, kind: bytes) -> Iterator[int]:
    """Identifiers of the items of a type, from `iinf`."""
    start = box.start + (6 if data[box.start] == 0 else 8)
    for entry in boxes(data, start, box.end):
        if entry.kind == b"infe" and data[entry.start] >= 2:
            wide = data[entry.start] >= 3
            item, _, found = struct.unpack_from(">IH4s" if wide else ">HH4s", data, entry.start + 4)
            if found == kind:
                yield item


class _Reader:
    """Reads `iloc`, whose fields have the widths that it says itself."""

    def __init__(self, data: bytes | bytearray) -> None:
        self._data = data
        self._position = 0

    def items(self, iloc: Box, idat: Box | None, wanted: set[int]) -> Iterator[bytes]:
        """The bytes of the wanted items."""
        self._position = iloc.start
        version = self._number(1)
        self._position += 3
        widths = self._number(2)
        offset, length, base, index = (widths >> shift & 0xF for shift in (12, 8, 4, 0))
        count = self._number(2 if version < 2 else 4)
        if count > MAX_ITEMS:
            raise TooComplexImageError(f"an image of {count:,} items; expected at most {MAX_ITEMS:,}")
        for _ in range(count):
            item = self._number(2 if version < 2 else 4)
            method = self._number(2) & 0xF if version else 0
            self._position += 2
            origin, parts = self._number(base), []
            for _ in range(self._number(2)):
                if version and index:
                    self._number(index)
                start, size = origin + self._number(offset), self._number(length)
                if item in wanted:
                    parts.append(self._extent(start, size, idat if method == 1 else None))
            if item in wanted:
                yield b"".join(parts)

    def _extent(self, start: int, size: int, idat: Box | None) -> bytes:
        first, end = (idat.start, idat.end) if idat else (0, len(self._data))
        start += first
        stop = start + size if size else end
        if stop > end:
            raise DamagedImageError("an image that is cut short; expected an intact one")
        return bytes(self._data[start:stop])

    def _number(self, width: int) -> int:
        if self._position + width > len(self._data):
            raise DamagedImageError("an image that is cut short in its header; expected an intact one")
        value = int.from_bytes(self._data[self._position : self._position + width])
        self._position += width
        return value
