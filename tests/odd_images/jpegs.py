"""Odd but valid JPEG files."""

import struct
from collections.abc import Iterator

from PIL import Image

from tests.odd_images.scene import FILM, NOTES, SIDE
from tests.sample_pictures import encoded, quadrants


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def long_segments(marker: int, prefix: bytes, content: bytes) -> bytes:
    """Content in as many segments as it takes."""
    pieces = [content[start : start + 65_000] for start in range(0, len(content), 65_000)]
    return b"".join(
        segment(marker, prefix + bytes([1 + index % 255, 255]) + piece) for index, piece in enumerate(pieces)
    )


def with_frame(jpeg: bytes, *, marker: int = 0xC0, bits: int = 8, components: int = 3) -> bytes:
    """A JPEG whose frame header says something else than it is."""
    start = jpeg.index(b"\xff\xc0")
    header = bytearray(jpeg[start : start + 10])
    header[1], header[4], header[9] = marker, bits, components
    return jpeg[:start] + bytes(header) + jpeg[start + 10 :]


def jpegs() -> Iterator[tuple[str, bytes]]:
    for quality in (30, 75, 95, 100):
        for subsampling in (0, 1, 2):
            for progressive in (False, True):
                options = {"quality": quality, "subsampling": subsampling, "progressive": progressive}
                yield f"jpeg {options}", encoded(quadrants(SIDE), "JPEG", **options)
    for side in (32, 128, 600):
        for blocks in (0, 1, 3):
            yield f"jpeg {side} restart {blocks}", encoded(quadrants(side), "JPEG", restart_marker_blocks=blocks)
    yield "jpeg of RGB components", encoded(quadrants(SIDE), "JPEG", keep_rgb=True)
    yield "jpeg of CMYK", encoded(quadrants(SIDE).convert("CMYK"), "JPEG", quality=95)
    for side in (SIDE, 600):
        jpeg = encoded(quadrants(side), "JPEG", quality=95)
        start, rest = jpeg[:2], jpeg[2:]
        yield f"jpeg {side} and a film", jpeg + FILM
        yield f"jpeg {side} and another", jpeg + encoded(Image.new("RGB", (900, 900)), "JPEG")
        yield f"jpeg {side} without its end", jpeg[:-2]
        yield f"jpeg {side} without its end, and another", jpeg[:-2] + encoded(Image.new("RGB", (9, 9)), "JPEG")
        yield f"jpeg {side} with a profile of 3 MB", start + long_segments(0xE2, b"ICC_PROFILE\0", NOTES) + rest
        yield f"jpeg {side} with 3 MB of comments", start + long_segments(0xFE, b"", NOTES) + rest
        yield f"jpeg {side} with scans in its notes", start + long_segments(0xED, b"", b"\xff\xda" * 50_000) + rest
        yield f"jpeg {side} with a preview", start + segment(0xE1, b"Exif\0\0" + jpeg[:60_000]) + rest
        yield f"jpeg {side} with fill bytes", start + b"\xff" * 50 + rest
        yield f"jpeg {side} with stray bytes", start + segment(0xE5, b"a") + b"stray" + rest
        xmp = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="3"></x:xmpmeta>'
        yield f"jpeg {side} whose XMP alone turns it", start + segment(0xE1, xmp) + rest
        yield f"jpeg {side} with many EXIF segments", start + segment(0xE1, b"Exif\0\0abcd") * 500 + rest
