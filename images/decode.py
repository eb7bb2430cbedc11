"""From the bytes of a picture to its pixels, whatever the bytes. Knows nothing of requests, torch or TorchServe.

A picture is decoded at the smallest scale its format offers, cropped to its central square, resized with
antialiasing, then turned upright and made RGB where that costs least. What a hostile picture could make Pillow do
without end is bounded by `image_guards`.
"""

import logging
import os
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import numpy as np
from numpy.typing import NDArray

# Each plugin that is not imported here would make Pillow import all of its forty at the first such picture.
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from images.errors import DamagedImageError, EmptyImageError, ImageError, TooManyPixelsError, UnsupportedImageError
from images.guards import check_content, check_header, metered, picture_format
from images.libjpeg_turbo import decode_small_jpeg
from images.tiff import orientation

__all__ = ["decode_image", "quiet_pillow", "silence_pillow_log"]

logger = logging.getLogger(__name__)

Pixels = NDArray[np.uint8]

RESAMPLE = Image.Resampling.BICUBIC  # antialiased; 0.4 points more accurate than BILINEAR (benchmarks/uploads.py)
REDUCING_GAP = 2.0  # decode and box-reduce down to twice the size, filter from there (Pillow's thumbnail does so)
PLUGINS = (BmpImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin)

# Modes that are resized as they are and made RGB afterwards, when few pixels are left.
RESIZABLE = {"RGB", "RGBA", "L", "CMYK", "YCbCr", "RGBX"}
# Modes whose pixels cannot be mixed: what to convert to before the resize.
CONVERTED = {"1": "L", "P": "RGB", "LA": "RGBA", "PA": "RGBA"}
SIXTEEN_BIT = {"I;16", "I;16L", "I;16B", "I;16N"}

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


def silence_pillow_log() -> None:
    """Keep out of the log, for good, what Pillow finds odd about a file: clients must not be able to fill it."""
    logging.getLogger("PIL").setLevel(logging.CRITICAL)


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Hold back the warnings that Pillow gives beside its log."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Hold back what libtiff writes to the error stream by itself: up to a line for each damaged row of pixels."""
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


def decode_image(data: bytes | bytearray, *, image_size: int, max_pixels: int) -> Pixels:
    """Decode one image to the square of pixels that a network takes.

    Returns:
        An array (image_size, image_size, 3) uint8: rows from the top, RGB.

    Raises:
        ImageError: the bytes are no picture, of an unsupported kind, damaged, or too large or complex to decode.
    """
    if not data:
        raise EmptyImageError("0 bytes came; expected the bytes of an image")
    kind = picture_format(data)
    try:
        check_content(data, kind=kind, max_pixels=max_pixels)
        if kind == "JPEG":
            pixels = decode_small_jpeg(data, small_side=_draft_side(image_size), max_pixels=max_pixels)
            if pixels is not None:
                return _square_pixels(pixels, size=image_size)
        with quiet_pillow(), silent_stderr() if kind == "TIFF" else nullcontext():
            image = Image.open(metered(data), formats=(kind,))
            check_header(image, kind=kind, max_pixels=max_pixels)
            return np.asarray(_square_rgb(image, size=image_size))
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise TooManyPixelsError(f"an image far above the limit of {max_pixels:,} pixels") from error
    except DAMAGE as error:
        raise _damaged(kind, error) from error
    except Exception as error:  # the boundary: no picture may fail its neighbours
        logger.warning("Pillow failed on a %s picture of %d bytes", kind, len(data), exc_info=True)
        raise _damaged(kind, error) from error


def _square_pixels(pixels: Pixels, *, size: int) -> Pixels:
    if pixels.shape == (size, size, 3):
        return pixels
    return np.asarray(_resized(Image.fromarray(pixels), size=size))


def _square_rgb(image: Image.Image, *, size: int) -> Image.Image:
    if min(image.size) >= _draft_side(size):
        side = _draft_side(size) // 2
        image.draft(None, (side, side))  # JPEG alone has smaller scales to decode at: 1/2, 1/4, 1/8
    image.load()  # before anything is asked of it: a PNG may have its EXIF last, a TIFF turns itself upright
    turn = UPRIGHT.get(orientation(image.info.get("exif")))
    if image.size != (size, size) or image.mode != "RGB" or "transparency" in image.info:
        image = _resized(image, size=size)
    return image if turn is None else image.transpose(turn)


def _draft_side(size: int) -> int:
    """From which side on a JPEG is decoded at a reduced scale, which still leaves `REDUCING_GAP` times the size."""
    return 2 * int(size * REDUCING_GAP)


def _resized(image: Image.Image, *, size: int) -> Image.Image:
    image = _central_square(image)
    if image.mode not in RESIZABLE or "transparency" in image.info:
        image = _convertible(image)
    image = image.resize((size, size), RESAMPLE, reducing_gap=REDUCING_GAP)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _central_square(image: Image.Image) -> Image.Image:
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    # A box given to resize would let the reduction before it mix in what lies outside.
    return image if width == height else image.crop((left, top, left + side, top + side))


def _convertible(image: Image.Image) -> Image.Image:
    """The same picture in a mode whose pixels can be mixed: L, RGB or RGBA."""
    if image.mode in SIXTEEN_BIT:
        # convert("L") alone would clip at 255.
        return image.convert("I").point(lambda value: value / 257).convert("L")
    if "transparency" in image.info:
        return image.convert("RGBA")
    if image.mode in CONVERTED:
        return image.convert(CONVERTED[image.mode])
    raise UnsupportedImageError(
        f"an image of Pillow's mode {image.mode}; expected grey, palette, RGB or CMYK of at most 16 bits"
    )


def _damaged(kind: str, error: Exception) -> ImageError:
    # Pillow's text for an unidentified image is the address of a Python object.
    reason = "" if isinstance(error, UnidentifiedImageError) else f" ({str(error)[:200]})"
    return DamagedImageError(f"a {kind} image that cannot be decoded{reason}; expected an intact one")
