"""Odd but valid PNG files."""

import struct
import zlib
from collections.abc import Iterator

import numpy as np

from tests.odd_images.scene import COLOURS, FILM, NOTES, SIDE, indexes, packed
from tests.sample_pictures import RED, encoded, png_chunk, quadrants

END_CHUNK = png_chunk(b"IEND", b"")


def png(samples: bytes, bits: int, colour_type: int, *chunks: bytes, side: int = SIDE, end: bytes = END_CHUNK) -> bytes:
    """A PNG of unfiltered rows; `chunks` stand between header and pixels."""
    header = struct.pack(">IIBBBBB", side, side, bits, colour_type, 0, 0, 0)
    width = len(samples) // side
    rows = b"".join(b"\0" + samples[start : start + width] for start in range(0, len(samples), width))
    start = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
    return start + b"".join(chunks) + png_chunk(b"IDAT", zlib.compress(rows)) + end


def pngs() -> Iterator[tuple[str, bytes]]:
    rgb, palette = np.asarray(quadrants(SIDE)), b"".join(map(bytes, COLOURS))
    plain = (rgb.tobytes(), 8, 2)
    broken = png_chunk(b"tEXt", b"Comment\0hello")[:-4] + b"\0\0\0\0"
    for name, chunk in {
        "3 MB of text": png_chunk(b"tEXt", b"Comment\0" + NOTES),
        "3 MB of packed text": png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(NOTES)),
        "a profile of 3 MB": png_chunk(b"iCCP", b"profile\0\0" + zlib.compress(NOTES)),
        "a wrong checksum in a text": broken,
        "an unknown compression of a text": png_chunk(b"zTXt", b"Comment\0\x07abc"),
        "a bad profile": png_chunk(b"iCCP", b"profile\0\0garbage"),
        "a wrong checksum in its transparency": png_chunk(b"tRNS", struct.pack(">3H", *RED))[:-1] + b"x",
        "an animation without frames": png_chunk(b"acTL", struct.pack(">II", 5, 0)),
        "an unknown chunk": png_chunk(b"abCd", b"x" * 100_000),
        "a wrong gamma": png_chunk(b"gAMA", b""),
        "200,000 chunks": png_chunk(b"abCd", b"") * 200_000,
    }.items():
        yield f"png with {name}", png(*plain, chunk)
    yield "png without its end", png(*plain, end=b"")
    yield "png and a film", png(*plain) + FILM
    yield "png and a chunk cut short", png(*plain, end=png_chunk(b"tEXt", NOTES)[:1000])
    yield "png without the checksum of its pixels", png(*plain, end=b"")[:-4]
    yield "png of 16 bits", png((rgb.astype(">u2") * 257).tobytes(), 16, 2)
    yield (
        "png of 16 bits with alpha",
        png((np.dstack([rgb, np.full_like(rgb[..., :1], 255)]).astype(">u2") * 257).tobytes(), 16, 6),
    )
    for bits in (2, 4, 8):
        yield f"png palette of {bits} bits", png(packed(indexes(), bits), bits, 3, png_chunk(b"PLTE", palette))
    for level in (0, 1, 9):
        yield f"png level {level}", encoded(quadrants(SIDE), "PNG", compress_level=level)


def grey_pngs() -> Iterator[tuple[str, bytes]]:
    for bits in (2, 4, 8):
        top = (1 << bits) - 1
        yield f"grey png of {bits} bits", png(packed(indexes() * (top // 3), bits), bits, 0)
        # White is transparent, and so white.
        white = png_chunk(b"tRNS", struct.pack(">H", top))
        yield f"grey png of {bits} bits, transparent", png(packed(indexes() * (top // 3), bits), bits, 0, white)
    samples = indexes().astype(">u2") * (65_535 // 3)
    yield "grey png of 16 bits", png(samples.tobytes(), 16, 0)
    hidden = np.where(samples == 65_535, 12_345, samples).astype(">u2")
    yield (
        "grey png of 16 bits, transparent",
        png(hidden.tobytes(), 16, 0, png_chunk(b"tRNS", struct.pack(">H", 12_345))),
    )
