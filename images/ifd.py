"""TIFF image file directories (IFDs), read without Pillow. A TIFF file starts with one, and EXIF is one.

Pillow makes a Python object of every number in a directory, which a hostile file can make millions of.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

ORIENTATION = 0x0112
EXIF_PREFIX = b"Exif\x00\x00"
_BYTE_ORDER = {b"II": "<", b"MM": ">"}
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}  # bytes
_INTEGERS = {1: "B", 3: "H", 4: "L"}
_BYTE_TYPES = {1, 2, 6, 7}


class Entry(NamedTuple):
    """One entry of a directory.

    `value` is its first number where it is an unsigned integer, else 0. `numbers` is how many Python numbers Pillow
    makes of it: 0 of bytes and text, and of what lies beyond the end of the file, which it skips.
    """

    tag: int
    value: int
    numbers: int


def first_ifd_offset(data: bytes | bytearray) -> int:
    """Where the first directory starts, in bytes.

    Raises:
        ValueError: there is no TIFF header.
    """
    order = _BYTE_ORDER.get(bytes(data[:2]))
    if order is None or len(data) < 8:
        raise ValueError("no TIFF header")
    return int(struct.unpack_from(order + "L", data, 4)[0])


def read_ifd(data: bytes | bytearray, offset: int) -> Iterator[Entry]:
    """The entries of one directory, as far as there are bytes (TIFF 6.0, section 2)."""
    order = _BYTE_ORDER[bytes(data[:2])]
    if offset + 2 > len(data):
        return
    (count,) = struct.unpack_from(order + "H", data, offset)
    count = min(count, (len(data) - offset - 2) // 12)
    for number in range(count):
        position = offset + 2 + 12 * number
        tag, kind, length = struct.unpack_from(order + "HHL", data, position)
        yield _entry(data, order, tag, kind, length, position + 8)


def _entry(data: bytes | bytearray, order: str, tag: int, kind: int, length: int, position: int) -> Entry:
    """An entry whose value, or the offset of its values where they take more than four bytes, is at `position`."""
    size = _TYPE_SIZES.get(kind, 1) * length
    if size > 4:
        (position,) = struct.unpack_from(order + "L", data, position)
    if length == 0 or position + size > len(data):
        return Entry(tag, 0, 0)
    value = struct.unpack_from(order + _INTEGERS[kind], data, position)[0] if kind in _INTEGERS else 0
    return Entry(tag, value, 0 if kind in _BYTE_TYPES else length)


def exif_orientation(exif: bytes | bytearray) -> int:
    """EXIF orientation, 1 to 8 (EXIF 2.32, tag 0x0112); 1, upright, where there is none or it cannot be read."""
    tiff = exif.removeprefix(EXIF_PREFIX)
    try:
        offset = first_ifd_offset(tiff)
    except ValueError:
        return 1
    return next((entry.value for entry in read_ifd(tiff, offset) if entry.tag == ORIENTATION), 1)
