"""TIFF variants: what the first directory says of the pixels, which Pillow decodes rightly, and which are refused."""

import io

from PIL.TiffImagePlugin import TiffImageFile

from images.errors import TooComplexImageError, UnsupportedImageError
from images.guards import check_pixels
from images.ifd import first_ifd_offset, read_ifd
from images.source import Source

# A strip for each row, in four planes, are 4 x 65,535 offsets.
MAX_NUMBERS = 300_000

_BITS, _COMPRESSION, _PHOTOMETRIC = 0x0102, 0x0103, 0x0106
_SAMPLES, _SAMPLE_FORMAT = 0x0115, 0x0153
_TILE_WIDTH, _TILE_LENGTH = 0x0142, 0x0143
_DEPTH = 2  # directories below the first
_FIRST_PRIVATE_TAG = 0x8000  # in the first directory Pillow does not look at the numbers of those
_SUB_IFDS = {0x8769, 0x8825, 0xA005}  # EXIF, GPS and interoperability, which Pillow reads, too
_DECODED_COMPRESSIONS = {1, 2, 3, 4, 5, 6, 7, 8, 32773, 32809, 32946, 34676, 34677, 34925, 50000}
_COMPRESSIONS = {34712: "JPEG 2000", 34887: "LERC", 50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL"}
_UNKNOWN_TO_PILLOW = {"unknown pixel mode", "unknown data organization", "Invalid value for samples per pixel"}
_SIGNED = 2
_WHITE_IS_ZERO = 0


def read_tiff(data: bytes | bytearray, *, max_pixels: int) -> Source:
    """The file as it is, with what its first directory says of the pixels.

    Raises:
        TooComplexImageError: the directory holds more numbers than honest ones do.
        TooManyPixelsError: a tile is larger than `max_pixels`.
        UnsupportedImageError: the samples are signed, or compressed in a way that is not decoded.
        ValueError: there is no TIFF header.
    """
    values = _checked_values(data, first_ifd_offset(data), depth=_DEPTH)
    check_pixels(values.get(_TILE_WIDTH, 1), values.get(_TILE_LENGTH, 1), limit=max_pixels)
    compression = values.get(_COMPRESSION, 1)
    if compression not in _DECODED_COMPRESSIONS:
        name = _COMPRESSIONS.get(compression, f"method {compression}")
        raise UnsupportedImageError(f"a TIFF compressed by {name} came; expected LZW, Deflate, JPEG or none")
    if values.get(_SAMPLE_FORMAT) == _SIGNED:
        raise UnsupportedImageError("a TIFF of signed samples came; expected unsigned ones of at most 16 bits")
    return Source(data, bits=values.get(_BITS, 1), white_is_zero=values.get(_PHOTOMETRIC) == _WHITE_IS_ZERO)


def unsupported_variant(data: bytes | bytearray) -> str | None:
    """What a file is that Pillow does not open for want of a way to read its samples; None where that is not why."""
    try:
        TiffImageFile(io.BytesIO(data))
    except SyntaxError as error:
        if str(error) in _UNKNOWN_TO_PILLOW:
            return _variant(data)
    return None


def _variant(data: bytes | bytearray) -> str:
    values = _checked_values(data, first_ifd_offset(data), depth=_DEPTH)
    return (
        f"a TIFF of {values.get(_SAMPLES, 1)} samples of {values.get(_BITS, 1)} bits, photometric interpretation "
        f"{values.get(_PHOTOMETRIC, 0)} and sample format {values.get(_SAMPLE_FORMAT, 1)}"
    )


def _checked_values(data: bytes | bytearray, offset: int, *, depth: int) -> dict[int, int]:
    """The first number of each entry by its tag.

    Raises:
        TooComplexImageError: there are too many numbers, here or in a directory below.
    """
    values, numbers = {}, 0
    for entry in read_ifd(data, offset):
        if entry.tag < _FIRST_PRIVATE_TAG or entry.tag in _SUB_IFDS or depth < _DEPTH:
            numbers += entry.numbers
        values[entry.tag] = entry.value
        if entry.tag in _SUB_IFDS and depth:
            _checked_values(data, entry.value, depth=depth - 1)
    if numbers > MAX_NUMBERS:
        raise TooComplexImageError(f"{numbers:,} numbers in a TIFF directory; expected at most {MAX_NUMBERS:,}")
    return values
