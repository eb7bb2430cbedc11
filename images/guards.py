"""What keeps a hostile image from stalling or filling the process where Pillow has no limit of its own.

Each guard costs microseconds on an ordinary image. What they leave is bounded by `max_pixels`. Guards of one format
stand in its module: scans in jpeg.py, directories in tiff.py.
"""

import io
import time

from PIL.ImageFile import ImageFile

from images.errors import TooComplexImageError, TooManyPixelsError

# A file of fewer bytes cannot hold enough pieces to keep Pillow's Python parsers busy for long.
METERED_BYTES = 65_536
MAX_READ_CPU_S = 1.0
# What honest files take besides, while they are read: a PNG of 95 MB and 48 megapixels 2.1 s (one core, 2026-11-27).
CPU_S_A_BYTE = 20e-9
CPU_S_A_PIXEL = 20e-9

# Pillow decodes run-length BMP in Python, at some 15 million pixels/s.
MAX_RLE_BMP_PIXELS = 2_000_000


class MeteredBytes(io.BytesIO):
    """A file in memory whose reader may use `MAX_READ_CPU_S` seconds of CPU time, and some for each byte and pixel.

    Pillow parses headers in Python, piece by piece; a file of a million tiny pieces would take it seconds or minutes.
    """

    def __init__(self, data: bytes | bytearray) -> None:
        super().__init__(data)
        self._deadline_s = time.thread_time() + MAX_READ_CPU_S + CPU_S_A_BYTE * len(data)

    def allow_pixels(self, pixels: int) -> None:
        """Allow as much more time as it takes to decode so many pixels, once the header has told them."""
        self._deadline_s += CPU_S_A_PIXEL * pixels

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as `io.BytesIO` does.

        Raises:
            TooComplexImageError: the time is used up.
        """
        if time.thread_time() > self._deadline_s:
            raise TooComplexImageError(
                f"an image of pieces that take more than {MAX_READ_CPU_S} s to read; expected fewer and larger ones"
            )
        return super().read(size)


def metered(data: bytes | bytearray) -> io.BytesIO:
    """The bytes as a file, metered where they are many enough to need it."""
    return MeteredBytes(data) if len(data) > METERED_BYTES else io.BytesIO(data)


def check_header(image: ImageFile, *, max_pixels: int) -> None:
    """Refuse an image that has too many pixels, before they are decoded; allow the time for those it has.

    Raises:
        TooManyPixelsError: width times height is above the limit.
    """
    run_length_bmp = image.tile and image.tile[0].codec_name == "bmp_rle"
    check_pixels(*image.size, limit=min(MAX_RLE_BMP_PIXELS, max_pixels) if run_length_bmp else max_pixels)
    if isinstance(image.fp, MeteredBytes):
        image.fp.allow_pixels(image.width * image.height)


def check_pixels(width: int, height: int, *, limit: int) -> None:
    """Refuse a size of more than `limit` pixels.

    Raises:
        TooManyPixelsError: it is.
    """
    if width * height > limit:
        raise TooManyPixelsError(
            f"an image of {width:,} x {height:,} pixels; expected at most {limit:,} in all: send a smaller one"
        )
