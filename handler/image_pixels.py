"""From the bytes of a picture to its pixels, whatever the bytes. Knows nothing of requests, torch or TorchServe.

A picture is decoded at the smallest scale its format offers, cropped to its central square, resized with
antialiasing, then turned upright and made RGB where that costs least. What a hostile picture could make Pillow do
without end is bounded by `image_guards`.
"""

import logging
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from image_errors import DAMAGED_IMAGE, TOO_MANY_PIXELS, UNSUPPORTED_IMAGE, ImageError
from image_guards import check_content, check_header, metered, picture_format
from image_tags import orientation

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

__all__ = ["decode_pixels", "quiet_pillow"]

logger = logging.getLogger(__name__)

RESAMPLE = Image.Resampling.BILINEAR  # antialiased: Pillow widens the filter by the scale
REDUCING_GAP = 2.0  # decode and box-reduce down to twice the size, filter from there (Pillow's thumbnail does so)
PLUGINS = (BmpImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin)

# Modes that are resized as they are and made RGB afterwards, when few pixels are left.
RESIZABLE = {"RGB", "L", "CMYK", "YCbCr", "RGBX"}
# Modes that cannot be mixed as they are, or are wanted over white: what to convert to before the resize.
CONVERTED = {"1": "L", "P": "RGB", "LA": "RGBA", "PA": "RGBA", "RGBA": "RGBA"}
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


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Hold back Pillow's warnings about odd files, which a client could fill the log with."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def decode_pixels(data: bytes | bytearray, *, size: int, max_pixels: int) -> bytes:
    """Decode one picture to `size` x `size` RGB pixels.

    Returns:
        `size * size * 3` bytes: the uint8 values of an array (size, size, 3), rows from the top, RGB.

    Raises:
        ImageError: the bytes are no picture, of an unsupported kind, damaged, or too large or complex to decode.
    """
    kind = picture_format(data)
    try:
        check_content(data, kind=kind, max_pixels=max_pixels)
        image = Image.open(metered(data), formats=(kind,))
        check_header(image, kind=kind, max_pixels=max_pixels)
        return _square_rgb(image, size=size).tobytes()
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(TOO_MANY_PIXELS, f"{error}") from error
    except DAMAGE as error:
        raise _damaged(kind, error) from error
    except Exception as error:  # the boundary: no picture may fail its neighbours
        logger.warning("Pillow failed on a %s picture of %d bytes", kind, len(data), exc_info=True)
        raise _damaged(kind, error) from error


def _square_rgb(image: Image.Image, *, size: int) -> Image.Image:
    turn = UPRIGHT.get(orientation(image.info.get("exif", b"")))
    image.draft(None, (int(size * REDUCING_GAP),) * 2)
    if image.size != (size, size) or image.mode != "RGB" or "transparency" in image.info:
        image = _resized(image, size=size)
    return image if turn is None else image.transpose(turn)


def _resized(image: Image.Image, *, size: int) -> Image.Image:
    image.load()  # before anything is asked of it: a TIFF turns itself upright here
    if image.mode not in RESIZABLE or "transparency" in image.info:
        image = _convertible(image.crop(_central_square(image)))
    image = image.resize((size, size), RESAMPLE, box=_central_square(image), reducing_gap=REDUCING_GAP)
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _central_square(image: Image.Image) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the largest central square."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def _convertible(image: Image.Image) -> Image.Image:
    """The same picture in a mode whose pixels can be mixed: L, RGB or RGBA."""
    if image.mode in SIXTEEN_BIT:
        # convert("L") alone would clip at 255.
        return image.convert("I").point(lambda value: value / 257).convert("L")
    if "transparency" in image.info:
        return image.convert("RGBA")
    if image.mode in CONVERTED:
        return image.convert(CONVERTED[image.mode])
    raise ImageError(
        UNSUPPORTED_IMAGE,
        f"a picture of Pillow's mode {image.mode}; expected grey, palette, RGB or CMYK of at most 16 bits",
    )


def _damaged(kind: str, error: Exception) -> ImageError:
    # Pillow's text for an unidentified image is the address of a Python object.
    reason = "" if isinstance(error, UnidentifiedImageError) else f" ({str(error)[:200]})"
    return ImageError(DAMAGED_IMAGE, f"a {kind} picture that cannot be decoded{reason}; expected an intact one")
