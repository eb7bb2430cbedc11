"""TIFF directories, read without Pillow: EXIF is one, and a hostile one makes Pillow build millions of objects."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

ORIENTATION = 0x0112
EXIF_PREFIX = b"Exif\x00\x00"
BYTE_ORDER = {b"II": "<", b"MM": ">"}
SHORT, LONG = 3, 4


class Tag(NamedTuple):
    """One entry; `value` is that of a single SHORT or LONG and 0 of anything else."""

    number: int
    kind: int
    length: int
    value: int


def first_directory_offset(data: bytes | bytearray) -> int:
    """Where the first directory lies.

    Raises:
        ValueError: no TIFF header.
    """
    order = BYTE_ORDER.get(bytes(data[:2]))
    if order is None or len(data) < 8:
        raise ValueError("no TIFF header")
    return int(struct.unpack_from(order + "L", data, 4)[0])


def read_directory(data: bytes | bytearray, offset: int) -> Iterator[Tag]:
    """The entries of one directory, as far as there are bytes (TIFF 6.0, section 2)."""
    order = BYTE_ORDER[bytes(data[:2])]
    if offset + 2 > len(data):
        return
    (count,) = struct.unpack_from(order + "H", data, offset)
    count = min(count, (len(data) - offset - 2) // 12)
    for number, kind, length, value in struct.iter_unpack(order + "HHL4s", data[offset + 2 : offset + 2 + 12 * count]):
        single = {SHORT: "H", LONG: "L"}.get(kind) if length == 1 else None
        yield Tag(number, kind, length, struct.unpack_from(order + single, value)[0] if single else 0)


def orientation(exif: object) -> int:
    """EXIF orientation, 1 to 8; 1 (upright) where there is none or it cannot be read, as viewers have it."""
    if not isinstance(exif, bytes):
        return 1
    tiff = exif.removeprefix(EXIF_PREFIX)
    try:
        offset = first_directory_offset(tiff)
    except ValueError:
        return 1
    return next((tag.value for tag in read_directory(tiff, offset) if tag.number == ORIENTATION), 1)
