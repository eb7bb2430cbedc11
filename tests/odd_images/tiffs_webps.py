"""Odd but valid TIFF and WebP files."""

import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.odd_images.scene import FILM, NOTES, SIDE, indexes, packed
from tests.sample_pictures import encoded, quadrants


def tiff(samples: bytes, *, bits: int, photometric: int, order: str = "<", **tags: tuple[int, int]) -> bytes:
    """A TIFF of one grey strip; `tags` are more or other ones, such as `t339=(3, 2)`: number, type and value."""
    values = {256: (4, SIDE), 257: (4, SIDE), 258: (3, bits), 259: (3, 1), 262: (3, photometric), 277: (3, 1)}
    values |= {278: (4, SIDE), 279: (4, len(samples))} | {int(name[1:]): tag for name, tag in tags.items()}
    offset = 8 + 2 + 12 * (len(values) + 1) + 4
    values[273] = (4, offset)
    table = b"".join(
        struct.pack(order + "HHL", tag, kind, 1) + struct.pack(order + ("Hxx" if kind == 3 else "L"), value)
        for tag, (kind, value) in sorted(values.items())
    )
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "LH", 8, len(values))
    return start + table + bytes(4) + samples


def grey_tiffs() -> Iterator[tuple[str, bytes]]:
    for order in "<>":
        sixteen = (indexes().astype(np.uint16) * (65_535 // 3)).astype(order + "u2")
        yield f"tiff of 16 bits, 0 is black, {order}", tiff(sixteen.tobytes(), bits=16, photometric=1, order=order)
        for bits in (2, 4, 8):
            step = ((1 << bits) - 1) // 3
            for name, photometric, samples in (("black", 1, indexes() * step), ("white", 0, (3 - indexes()) * step)):
                data = packed(samples, bits)
                yield (
                    f"tiff of {bits} bits, 0 is {name}, {order}",
                    tiff(data, bits=bits, photometric=photometric, order=order),
                )
    sixteen = 65_535 - indexes().astype("<u2") * (65_535 // 3)
    yield "tiff of 16 bits, 0 is white", tiff(sixteen.tobytes(), bits=16, photometric=0)
    yield "tiff of 12 bits", tiff(packed(indexes().astype(np.uint16) * 1365, 12), bits=12, photometric=1)
    image = Image.fromarray(indexes().astype(np.uint16) * (65_535 // 3))
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "lzma", "zstd"):
        yield f"tiff of 16 bits, {compression}", encoded(image, "TIFF", compression=compression)


def tiffs() -> Iterator[tuple[str, bytes]]:
    compressions = ("raw", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "packbits", "lzma", "zstd", "jpeg")
    for mode in ("RGB", "RGBA", "CMYK", "YCbCr", "P"):
        for compression in compressions:
            if compression != "jpeg" or mode in {"RGB", "CMYK", "YCbCr"}:
                yield (
                    f"tiff {mode} {compression}",
                    encoded(quadrants(SIDE).convert(mode), "TIFF", compression=compression),
                )
    pages = [Image.new("RGB", (9, 9))] * 3
    yield "tiff of several pages", encoded(quadrants(SIDE), "TIFF", save_all=True, append_images=pages)
    yield "tiff with a profile of 3 MB", encoded(quadrants(SIDE), "TIFF", icc_profile=NOTES)
    measured = {65_001: tuple(float(number) for number in range(400_000))}
    yield "tiff with 400,000 numbers of its maker", encoded(quadrants(SIDE), "TIFF", tiffinfo=measured)
    notes = {270: "x" * 3_000_000, 65_000: NOTES, 33_432: "y" * 10_000}
    yield "tiff with 3 MB of notes", encoded(quadrants(SIDE), "TIFF", tiffinfo=notes)


def webps() -> Iterator[tuple[str, bytes]]:
    for lossless in (False, True):
        for mode in ("RGB", "RGBA"):
            for method in (0, 4, 6):
                options = {"lossless": lossless, "quality": 95, "method": method}
                yield f"webp {mode} {options}", encoded(quadrants(SIDE).convert(mode), "WEBP", **options)
    yield (
        "webp with a profile and notes of 3 MB",
        encoded(quadrants(SIDE), "WEBP", quality=95, icc_profile=NOTES, xmp=NOTES),
    )
    yield "webp and a film", encoded(quadrants(SIDE), "WEBP", quality=95) + FILM
    frames = [Image.new("RGB", (SIDE, SIDE))] * 2
    yield "webp animation", encoded(quadrants(SIDE), "WEBP", save_all=True, append_images=frames, quality=95)
