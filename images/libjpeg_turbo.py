"""The libjpeg-turbo fast path: for the commonest image, a small, upright, intact JPEG. All others go through Pillow.

Pillow reads a JPEG's header in Python, which takes longer than to decode a small one. libjpeg-turbo by itself (the
package simplejpeg) gives the same pixels, to the last bit, in a fifth of the time: 10 instead of 50 microseconds for
32 x 32. From `small_side` on, decoding outweighs the header, and Pillow decodes at a reduced scale.
"""

from typing import TYPE_CHECKING

from simplejpeg import decode_jpeg, decode_jpeg_header

from images.ifd import EXIF_PREFIX
from images.jpeg import MAX_SCANS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SCAN = b"\xff\xda"
COLOURS = ("YCbCr", "Gray")  # what libjpeg-turbo converts to RGB as Pillow does


def decode_small_jpeg(data: bytes | bytearray, *, small_side: int, max_pixels: int) -> "NDArray[np.uint8] | None":
    """Decode a JPEG whose shorter side is below `small_side` pixels.

    Returns:
        The image as an array (height, width, 3) uint8, RGB; None where it is larger or beyond `max_pixels`, has EXIF,
        which may turn it, may have too many scans, is of another colour space, or damaged in any way.
    """
    if EXIF_PREFIX in data or data.count(SCAN) > MAX_SCANS:
        return None
    try:
        height, width, colours, _ = decode_jpeg_header(data)
        if min(height, width) >= small_side or height * width > max_pixels or colours not in COLOURS:
            return None
        pixels: NDArray[np.uint8] = decode_jpeg(data, colorspace="RGB", fastdct=False, fastupsample=False)
    except ValueError:
        return None
    return pixels
