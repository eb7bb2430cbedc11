"""AVIF: the pixels that its AV1 streams will decode to, counted before they are decoded.

The header that Pillow reads (`ispe`) is not what is decoded: libavif decodes frames of up to 268 megapixels and scales
them to what `ispe` says. A file of 2 kB that says 64 x 64 could cost a worker seconds and half a gigabyte.
"""

from PIL import AvifImagePlugin

from images.av1 import frame_sizes
from images.errors import DamagedImageError
from images.guards import check_pixels
from images.isobmff import item_streams
from images.source import Source

MAX_STREAMS_PIXELS = 3  # times the limit, of all streams together: the image, its alpha channel, a gain map

# One thread a worker, as everything else has; Pillow would take one a core.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


def read_avif(data: bytes | bytearray, *, max_pixels: int) -> Source:
    """The file as a still image: of an animation the image that stands for it.

    Raises:
        DamagedImageError: it holds no AV1 stream, or is cut short.
        TooComplexImageError: it has more boxes or items than honest ones do.
        TooManyPixelsError: a stream decodes to more than `max_pixels`, or all together to three times as many.
    """
    sizes = [size for stream in item_streams(data, b"av01") for size in frame_sizes(stream)]
    if not sizes:
        raise DamagedImageError("an AVIF image without AV1 frames; expected an intact one")
    for width, height in sizes:
        check_pixels(width, height, limit=max_pixels)
    check_pixels(sum(width * height for width, height in sizes), 1, limit=MAX_STREAMS_PIXELS * max_pixels)
    if bytes(data[8:12]) == b"avis":  # that brand makes libavif decode the animation's track
        data = bytes(data[:8]) + b"avif" + bytes(data[12:])
    return Source(data)
