"""Odd but valid image files, built byte by byte where Pillow does not write them. All show the same four quadrants.

`COLOURS` stand for the quadrants from the upper left; a grey file shows `GREYS` instead.
"""

import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.odd_images.gifs_bmps import bmp, bmps, gif_with_margin, gifs
from tests.odd_images.heics_avifs import avifs, heics
from tests.odd_images.jpegs import jpegs, with_frame
from tests.odd_images.pngs import END_CHUNK, grey_pngs, png, pngs
from tests.odd_images.scene import COLOURS, FILM, GREYS, SIDE, grey_quadrants
from tests.odd_images.tiffs_webps import grey_tiffs, tiff, tiffs, webps
from tests.sample_pictures import encoded, exif, png_chunk, quadrants

__all__ = ["COLOURS", "GREYS", "coloured", "gif_with_margin", "grey", "unsupported"]


def turned() -> Iterator[tuple[str, bytes]]:
    """Files that EXIF turns upright, beside large notes."""
    back = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    for orientation, transpose in back.items():
        for side in (SIDE, 600):
            image = quadrants(side).transpose(transpose)
            for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
                data = encoded(image, kind, exif=exif(orientation), quality=95)
                yield f"{kind} {side} turned {orientation}", data
                yield f"{kind} {side} turned {orientation}, and a film", data + FILM
            late = png_chunk(b"eXIf", exif(orientation).tobytes().removeprefix(b"Exif\0\0")) + END_CHUNK
            data = png(np.asarray(image).tobytes(), 8, 2, side=side, end=late)
            yield f"PNG {side} turned {orientation} behind its pixels", data


def coloured() -> dict[str, bytes]:
    return dict([*jpegs(), *pngs(), *gifs(), *bmps(), *tiffs(), *webps(), *heics(), *avifs(), *turned()])


def grey() -> dict[str, bytes]:
    files = dict([*grey_pngs(), *grey_tiffs()])
    for quality in (75, 95):
        for progressive in (False, True):
            options = {"quality": quality, "progressive": progressive}
            files[f"grey jpeg {options}"] = encoded(grey_quadrants(), "JPEG", **options)
    for kind in ("PNG", "GIF", "BMP", "WEBP"):
        files[f"grey {kind}"] = encoded(grey_quadrants(), kind)
    return files


def unsupported() -> dict[str, tuple[bytes, str]]:
    """Intact files of variants that are not decoded, each with the words that name it."""
    jpeg, flat = encoded(quadrants(SIDE), "JPEG"), bytes(8 * SIDE * SIDE)
    masks = struct.pack("<LLLL", 0xF00, 0xF0, 0xF, 0xF000)
    rgb16 = (np.asarray(quadrants(SIDE)).astype(">u2") * 257).tobytes()
    key = png_chunk(b"tRNS", struct.pack(">3H", 65_535, 0, 0))
    box = b"\0\0\0\x1cftyp"
    return {
        "jpeg of 12 bits": (with_frame(jpeg, marker=0xC1, bits=12), "12 bits"),
        "lossless jpeg": (with_frame(jpeg, marker=0xC3), "lossless"),
        "hierarchical jpeg": (with_frame(jpeg, marker=0xC5), "hierarchical"),
        "jpeg-ls": (with_frame(jpeg, marker=0xF7), "JPEG-LS"),
        "jpeg of two components": (with_frame(jpeg, components=2), "2 components"),
        "png of 16 bits with a transparent colour": (png(rgb16, 16, 2, key), "16-bit RGB PNG"),
        "png in Apple's form": (b"\x89PNG\r\n\x1a\n" + png_chunk(b"CgBI", bytes(4)) + flat, "CgBI"),
        "bmp of 12 bits": (bmp(flat, 16, compression=3, masks=masks, header_bytes=108), "bitfields"),
        "bmp of 2 bits": (bmp(flat, 2), "pixel depth"),
        "bmp with a jpeg inside": (bmp(jpeg, 0, compression=4), "BMP"),
        "tiff of floats": (tiff(flat, bits=32, photometric=1, t339=(3, 3)), "floating-point"),
        "tiff of doubles": (tiff(flat, bits=64, photometric=1, t339=(3, 3)), "64 bits"),
        "tiff of 32 bits": (tiff(flat, bits=32, photometric=1), "32 bits"),
        "tiff of signed bytes": (tiff(flat, bits=8, photometric=1, t339=(3, 2)), "signed"),
        "tiff of signed 16 bits": (tiff(flat, bits=16, photometric=1, t339=(3, 2)), "signed"),
        "tiff of 10 bits": (tiff(flat, bits=10, photometric=1), "10 bits"),
        "tiff of 12 bits, 0 is white": (tiff(flat, bits=12, photometric=0), "12 bits"),
        "tiff of 16 bits, 0 is white, >": (tiff(flat, bits=16, photometric=0, order=">"), "interpretation 0"),
        "tiff of eight bands": (tiff(flat, bits=8, photometric=1, t277=(3, 8)), "8 samples"),
        "tiff in webp": (tiff(flat, bits=8, photometric=1, t259=(3, 50001)), "WebP"),
        "tiff in jpeg 2000": (tiff(flat, bits=8, photometric=1, t259=(3, 34712)), "JPEG 2000"),
        "tiff of an unknown compression": (tiff(flat, bits=8, photometric=1, t259=(3, 777)), "method 777"),
        "tiff of CIELAB": (encoded(Image.new("LAB", (SIDE, SIDE)), "TIFF"), "CIELAB"),
        "bigtiff": (b"II+\0\x08\0\0\0" + flat, "BigTIFF"),
        "canon raw": (box + b"crx " + flat, "Canon raw"),
        "video": (FILM, "video"),
        "jpeg 2000": (b"\0\0\0\x0cjP  \r\n\x87\n" + flat, "JPEG 2000"),
        "jpeg xl": (b"\xff\x0a" + flat, "JPEG XL"),
        "jpeg xl in a box": (b"\0\0\0\x0cJXL \r\n\x87\n" + flat, "JPEG XL"),
        "gzip": (b"\x1f\x8b\x08\0" + flat, "gzip"),
        "icon": (encoded(quadrants(SIDE), "ICO"), "icon"),
    }
