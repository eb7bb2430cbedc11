"""From the bytes of an image file to its pixels, whatever the bytes: one decoder for training and serving.

An image is decoded at the smallest scale its format offers, cropped to its central square, resized with antialiasing,
then turned upright and made RGB where that costs least.
"""

import logging
import os
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Protocol

import numpy as np

# Each plugin that is not imported here would make Pillow import all of its forty at the first such image.
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from images.avif import read_avif
from images.colours import mixable, without_empty_alpha, without_margin
from images.errors import DamagedImageError, EmptyImageError, ImageError, TooManyPixelsError, UnsupportedImageError
from images.formats import image_format
from images.gif import read_gif
from images.guards import check_header, metered
from images.heic import read_heic
from images.ifd import exif_orientation
from images.jpeg import read_jpeg
from images.libjpeg_turbo import decode_small_jpeg
from images.png import read_png
from images.source import Source
from images.square import Pixels, central_square, reduced_from, resized, square_pixels
from images.tiff import read_tiff, unsupported_variant

__all__ = ["MAX_PIXELS", "Pixels", "decode_file", "decode_image", "silence_pillow_log"]

logger = logging.getLogger(__name__)

MAX_PIXELS = 25_000_000  # width times height
PLUGINS = (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)


class Reader(Protocol):
    """Prepares the bytes of one format for Pillow."""

    def __call__(self, data: bytes | bytearray, *, max_pixels: int) -> Source: ...


READERS: dict[str, Reader] = {
    "AVIF": read_avif,
    "GIF": read_gif,
    "HEIF": read_heic,
    "JPEG": read_jpeg,
    "PNG": read_png,
    "TIFF": read_tiff,
}
NAMES = {"AVIF": "an AVIF", "HEIF": "a HEIC"}  # in messages

UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # by EXIF orientation (EXIF 2.32, tag 0x0112)

# What Pillow raises on damaged data; anything else is worth a look in the log.
DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, struct.error)
LIBRARY_DAMAGE = dict.fromkeys(("AVIF", "HEIF"), (*DAMAGE, RuntimeError))  # libavif's errors, and libheif's limits


def decode_file(path: Path, *, image_size: int, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Decode an image file as `decode_image` does.

    Raises:
        ImageError: the file holds no image that can be decoded.
        OSError: it cannot be read.
    """
    return decode_image(path.read_bytes(), image_size=image_size, max_pixels=max_pixels)


def decode_image(data: bytes | bytearray, *, image_size: int, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Decode one image to the square of pixels that a network takes.

    Returns:
        An array (image_size, image_size, 3) uint8: rows from the top, RGB.

    Raises:
        ImageError: the bytes are no image, of an unsupported kind, damaged, or too large or complex to decode.
    """
    if not data:
        raise EmptyImageError("0 bytes came; expected the bytes of an image")
    kind = image_format(data)
    try:
        if kind == "JPEG":
            pixels = decode_small_jpeg(data, small_side=reduced_from(image_size), max_pixels=max_pixels)
            if pixels is not None:
                return square_pixels(pixels, size=image_size)
        return np.asarray(_decoded_by_pillow(data, kind, image_size=image_size, max_pixels=max_pixels))
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise TooManyPixelsError(f"an image far above the limit of {max_pixels:,} pixels") from error
    except LIBRARY_DAMAGE.get(kind, DAMAGE) as error:
        raise _refusal(data, kind, error) from error
    except Exception as error:  # the boundary: no image may fail its neighbours
        logger.warning("Pillow failed on a %s image of %d bytes", kind, len(data), exc_info=True)
        raise _refusal(data, kind, error) from error


def silence_pillow_log() -> None:
    """Keep out of the log, for good, what Pillow finds odd about a file: clients must not be able to fill it."""
    logging.getLogger("PIL").setLevel(logging.CRITICAL)


def _decoded_by_pillow(data: bytes | bytearray, kind: str, *, image_size: int, max_pixels: int) -> Image.Image:
    source = READERS[kind](data, max_pixels=max_pixels) if kind in READERS else Source(data)
    with _quiet_pillow(), _silent_stderr() if kind == "TIFF" else nullcontext():
        image = Image.open(metered(source.data), formats=(kind,))
        check_header(image, max_pixels=max_pixels)
        box = image.tile[0].extents if kind == "GIF" else None
        if min(image.size) >= reduced_from(image_size):
            side = reduced_from(image_size) // 2
            image.draft(None, (side, side))  # JPEG alone has smaller scales to decode at: 1/2, 1/4, 1/8
        image.load()  # a TIFF turns itself upright here
        turn = UPRIGHT.get(source.orientation or exif_orientation(image.info.get("exif", b"")))
        whole = without_margin(image, box) if box else without_empty_alpha(image) if kind == "BMP" else image
        square = resized(mixable(central_square(whole), source), size=image_size)
        return square if turn is None else square.transpose(turn)


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Hold back the warnings that Pillow gives beside its log."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Hold back what libtiff writes to the error stream by itself: up to a line for each damaged row of pixels."""
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


def _refusal(data: bytes | bytearray, kind: str, error: Exception) -> ImageError:
    """An image that Pillow fails on: of a variant that it does not know, or damaged."""
    reason, name = str(error).strip()[:200], NAMES.get(kind, f"a {kind}")
    if kind == "BMP" and reason.startswith(("Unsupported BMP", "invalid palette size")):
        return UnsupportedImageError(f"a BMP of a kind that is not decoded ({reason}); expected 8, 24 or 32 bits")
    if isinstance(error, UnidentifiedImageError):  # its text is the address of a Python object
        with _quiet_pillow():
            variant = unsupported_variant(data) if kind == "TIFF" else None
        if variant:
            return UnsupportedImageError(f"{variant} came; expected grey, palette, RGB or CMYK of at most 16 bits")
        return DamagedImageError(f"{name} image that cannot be decoded; expected an intact one")
    return DamagedImageError(f"{name} image that cannot be decoded ({reason}); expected an intact one")
