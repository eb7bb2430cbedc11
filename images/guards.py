"""What keeps a hostile picture from stalling or filling the worker where Pillow has no limit of its own.

Each guard costs microseconds on an ordinary picture. What they leave is bounded by `max_pixels`.
"""

import io
import time

from PIL.ImageFile import ImageFile

from images.errors import NotAnImageError, TooComplexImageError, TooManyPixelsError, UnsupportedImageError
from images.tiff import first_directory_offset, read_directory

SUPPORTED = "JPEG, PNG, WebP, GIF, BMP or TIFF"
FORMATS = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
}  # by first bytes
OTHER_KINDS = {
    b"%PDF": "PDF document",
    b"<svg": "SVG drawing",
    b"<?xml": "XML document",
    b"8BPS": "Photoshop document",
    b"\x00\x00\x01\x00": "Windows icon",
    b"\x00\x00\x00\x0cjP  ": "JPEG 2000 picture",
    b"\xffO\xffQ": "JPEG 2000 picture",
    b"\x00\x00\x00\x0cJXL ": "JPEG XL picture",
    b"\xff\x0a": "JPEG XL picture",
    b"II+\x00": "BigTIFF picture",
    b"MM\x00+": "BigTIFF picture",
    b"PK\x03\x04": "ZIP archive",
}

# A file of fewer bytes cannot hold enough pieces to keep Pillow's Python parsers busy for long.
METERED_BYTES = 65_536
MAX_READ_CPU_S = 1.0

# Each scan of a JPEG is a pass over all of its pixels; libjpeg writes 10, mozjpeg up to 13.
MAX_JPEG_SCANS = 40
# Pillow joins the EXIF segments of a JPEG by copying all before, for each; ordinary files have one.
MAX_EXIF_SEGMENTS = 8
# Pillow decodes run-length BMP in Python, at some 15 million pixels/s.
MAX_RLE_BMP_PIXELS = 2_000_000
# Pillow makes an object for each number of a TIFF directory; a strip a row, in four planes, are 4 x 65,535.
MAX_TIFF_NUMBERS = 300_000
TILE_WIDTH, TILE_LENGTH = 0x0142, 0x0143
SUB_DIRECTORIES = {0x8769, 0x8825, 0xA005}  # EXIF, GPS and interoperability
BYTE_TYPES = {1, 2, 6, 7}


class MeteredBytes(io.BytesIO):
    """A file in memory whose reader may use `MAX_READ_CPU_S` seconds of CPU time.

    Pillow parses headers in Python, piece by piece; a file of a million tiny pieces would take it seconds or minutes.
    """

    def __init__(self, data: bytes | bytearray) -> None:
        super().__init__(data)
        self._deadline_s = time.thread_time() + MAX_READ_CPU_S

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as `io.BytesIO` does.

        Raises:
            ImageError: the time is used up.
        """
        if time.thread_time() > self._deadline_s:
            raise TooComplexImageError(f"a picture that takes more than {MAX_READ_CPU_S} s to decode")
        return super().read(size)


def metered(data: bytes | bytearray) -> io.BytesIO:
    """The bytes as a file, metered where they are many enough to need it."""
    return MeteredBytes(data) if len(data) > METERED_BYTES else io.BytesIO(data)


def picture_format(data: bytes | bytearray) -> str:
    """Pillow's name of the format, by the first bytes.

    Raises:
        ImageError: no picture, or one of a kind that is not supported.
    """
    start = bytes(data[:16])
    for magic, name in FORMATS.items():
        if start.startswith(magic):
            return name
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "WEBP"
    raise _not_supported(start)


def check_content(data: bytes | bytearray, *, kind: str, max_pixels: int) -> None:
    """Refuse, before Pillow sees the bytes, what would cost it too much already to open.

    Raises:
        ImageError: too complex or too many pixels.
    """
    if kind == "JPEG":
        _limit(data.count(b"\xff\xda"), MAX_JPEG_SCANS, "scans in a JPEG")
        _limit(data.count(b"Exif\x00\x00"), MAX_EXIF_SEGMENTS, "EXIF segments in a JPEG")
    elif kind == "TIFF":
        _check_directory(data, first_directory_offset(data), max_pixels=max_pixels, depth=2)


def check_header(image: ImageFile, *, kind: str, max_pixels: int) -> None:
    """Refuse, before its pixels are decoded, a picture that has too many.

    Raises:
        ImageError: too many pixels.
    """
    limit = max_pixels
    if kind == "BMP" and image.tile[0][0] == "bmp_rle":
        limit = min(MAX_RLE_BMP_PIXELS, max_pixels)
    width, height = image.size
    if width * height > limit:
        raise _too_many_pixels(width, height, limit=limit)


def _check_directory(data: bytes | bytearray, offset: int, *, max_pixels: int, depth: int) -> None:
    numbers, tile = 0, {TILE_WIDTH: 1, TILE_LENGTH: 1}
    for tag in read_directory(data, offset):
        numbers += 0 if tag.kind in BYTE_TYPES else tag.length
        if tag.number in tile:
            tile[tag.number] = max(tile[tag.number], tag.value)
        if tag.number in SUB_DIRECTORIES and depth:
            _check_directory(data, tag.value, max_pixels=max_pixels, depth=depth - 1)
    _limit(numbers, MAX_TIFF_NUMBERS, "numbers in a TIFF directory")
    if tile[TILE_WIDTH] * tile[TILE_LENGTH] > max_pixels:
        raise _too_many_pixels(tile[TILE_WIDTH], tile[TILE_LENGTH], limit=max_pixels)


def _limit(came: int, limit: int, what: str) -> None:
    if came > limit:
        raise TooComplexImageError(f"{came:,} {what}; expected at most {limit:,}")


def _too_many_pixels(width: int, height: int, *, limit: int) -> TooManyPixelsError:
    return TooManyPixelsError(
        f"an image of {width:,} x {height:,} pixels; expected at most {limit:,} in all: send a smaller one"
    )


def _not_supported(start: bytes) -> NotAnImageError | UnsupportedImageError:
    if start[4:8] == b"ftyp":
        return UnsupportedImageError(f"an AVIF or HEIC picture, or a video; expected {SUPPORTED}")
    for magic, name in OTHER_KINDS.items():
        if start.startswith(magic):
            return UnsupportedImageError(f"{name} came; expected {SUPPORTED}")
    return NotAnImageError(f"no picture: it starts with {start[:8]!r}; expected {SUPPORTED}")
