"""HEIC, by libheif in the package pi-heif, the decoder alone, which registers itself as Pillow's format HEIF.

libheif refuses by itself frames larger than the header says, and too many items and tiles (its security limits).
"""

import pi_heif

from images.source import Source

UPRIGHT = 1  # libheif turns the pixels itself, whatever EXIF says beside

# The first image alone, in one thread a worker, as everything else has.
pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)


def read_heic(data: bytes | bytearray, *, max_pixels: int) -> Source:
    """The file as it is; Pillow's header check counts its pixels."""
    return Source(data, orientation=UPRIGHT)
