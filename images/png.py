"""PNG chunks: the few that the pixels depend on, without text, profiles and times, whatever is in those.

Pillow refuses a file for a wrong checksum or a megabyte of text in any chunk. Source: PNG 3rd edition, W3C 2025.
"""

import struct
import zlib
from collections.abc import Iterator

from images.errors import DamagedImageError, UnsupportedImageError
from images.ifd import exif_orientation
from images.source import Source

_HEADER_END = 33
_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
GREY, RGB, PALETTE = 0, 2, 3  # colour types


def read_png(data: bytes | bytearray, *, max_pixels: int) -> Source:
    """The image of a PNG file, without metadata; a missing end chunk is added.

    Raises:
        DamagedImageError: it does not start with a header.
        UnsupportedImageError: it is in the form that Apple's tools give to apps, or has 16 bits a channel and a
            transparent colour, which Pillow cannot compare exactly.
    """
    if data[12:16] == b"CgBI":
        raise UnsupportedImageError("a PNG in Apple's own form (CgBI) came; expected an ordinary one")
    if data[12:16] != b"IHDR" or len(data) < _HEADER_END:
        raise DamagedImageError("a PNG image without a header; expected an intact one")
    bit_depth, colour_type = data[24], data[25]
    kept, transparent, orientation = [data[:_HEADER_END]], None, 1
    for name, start, end in _chunks(data):
        if name == b"IDAT" and end > len(data):
            kept.append(_chunk(name, data[start + 8 :]))
        elif name in {b"IDAT", b"PLTE"}:
            kept.append(data[start:end])
        elif name == b"tRNS" and _is_intact(data, start, end):
            if colour_type in {GREY, RGB}:
                transparent = _samples(data[start + 8 : end - 4], count=1 if colour_type == GREY else 3)
            elif colour_type == PALETTE:
                kept.append(data[start:end])
        elif name == b"eXIf" and _is_intact(data, start, end):
            orientation = exif_orientation(data[start + 8 : end - 4])
    if bit_depth == 16 and colour_type == RGB and transparent:
        raise UnsupportedImageError(
            "a 16-bit RGB PNG with a transparent colour came; expected 8 bits or an alpha channel"
        )
    return Source(b"".join([*kept, _END]), orientation=orientation, bits=bit_depth, transparent=transparent)


def _chunks(data: bytes | bytearray) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of each chunk behind the header, up to the end chunk; the last may be cut short."""
    start = _HEADER_END
    while start + 8 <= len(data):
        length, name = struct.unpack_from(">L4s", data, start)
        if name == b"IEND":
            return
        end = start + 12 + length
        yield name, start, end
        start = end


def _chunk(name: bytes, content: bytes | bytearray) -> bytes:
    return struct.pack(">L", len(content)) + name + content + struct.pack(">L", zlib.crc32(name + content))


def _is_intact(data: bytes | bytearray, start: int, end: int) -> bool:
    """Whether a chunk's checksum is right; libpng ignores a chunk that an image can do without if it is not."""
    return data[end - 4 : end] == struct.pack(">L", zlib.crc32(data[start + 4 : end - 4]))


def _samples(content: bytes | bytearray, *, count: int) -> tuple[int, ...] | None:
    return struct.unpack_from(f">{count}H", content) if len(content) >= 2 * count else None
