"""Odd but valid GIF and BMP files."""

import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.odd_images.scene import FILM, NOTES, SIDE
from tests.sample_pictures import RED, encoded, quadrants


def gifs() -> Iterator[tuple[str, bytes]]:
    image = quadrants(SIDE).convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    gif = encoded(image, "GIF")
    start = 13 + (3 << ((gif[10] & 7) + 1))
    comment = b"!\xfe" + b"".join(b"\xff" + NOTES[:255] for _ in range(8000)) + b"\0"
    yield "gif", gif
    yield "gif in interlaced rows", encoded(image, "GIF", interlace=1)
    yield "gif with 2 MB of comments", gif[:start] + comment + gif[start:]
    yield "gif with application data", gif[:start] + b"!\xff\x0bXMP DataXMP" + b"\x03abc" * 1000 + b"\0" + gif[start:]
    yield "gif and a film", gif + FILM
    yield "gif without its end", gif.rstrip(b";")
    yield "gif animation", encoded(image, "GIF", save_all=True, append_images=[Image.new("P", (SIDE, SIDE))])


def gif_with_margin() -> bytes:
    """A screen of 64 x 64 pixels whose first frame fills the upper left 32 x 32 with red."""
    gif = bytearray(encoded(Image.new("RGB", (32, 32), RED).convert("P"), "GIF"))
    gif[6:10] = struct.pack("<HH", 64, 64)
    return bytes(gif)


def bmp(
    samples: bytes, bits: int, *, compression: int = 0, masks: bytes = b"", height: int = SIDE, header_bytes: int = 40
) -> bytes:
    """A BMP of `SIDE` x `SIDE`, top down where its height is negative; `masks` lie behind the header's 40 bytes."""
    header = struct.pack("<LllHHLLLLLL", header_bytes, SIDE, height, 1, bits, compression, *[0] * 5)
    header += masks + bytes(max(0, header_bytes - 40 - len(masks)))
    return b"BM" + struct.pack("<LHHL", 0, 0, 0, 14 + len(header)) + header + samples


def bmps() -> Iterator[tuple[str, bytes]]:
    rgb = np.asarray(quadrants(SIDE))
    bgrx = np.dstack([rgb[..., ::-1], np.zeros((SIDE, SIDE), np.uint8)])
    up = bgrx[::-1].tobytes()
    masks = struct.pack("<LLLL", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    r, g, b = (rgb[::-1, :, channel].astype("<u2") for channel in range(3))
    yield "bmp of 24 bits", bmp(rgb[::-1, :, ::-1].tobytes(), 24)
    yield "bmp of 24 bits, top down", bmp(rgb[..., ::-1].tobytes(), 24, height=-SIDE)
    yield "bmp of 32 bits", bmp(up, 32)
    yield "bmp of 32 bits with masks", bmp(up, 32, compression=3, masks=masks[:12])
    yield "bmp of 32 bits with an empty alpha channel", bmp(up, 32, compression=3, masks=masks, header_bytes=108)
    yield "bmp V5 of 32 bits with an empty alpha channel", bmp(up, 32, compression=3, masks=masks, header_bytes=124)
    yield "bmp of 15 bits", bmp((r >> 3 << 10 | g >> 3 << 5 | b >> 3).tobytes(), 16)
    yield (
        "bmp of 16 bits",
        bmp(
            (r >> 3 << 11 | g >> 2 << 5 | b >> 3).tobytes(),
            16,
            compression=3,
            masks=struct.pack("<LLL", 0xF800, 0x7E0, 0x1F),
        ),
    )
    yield "bmp palette", encoded(quadrants(SIDE).convert("P", palette=Image.Palette.ADAPTIVE), "BMP")
    yield "bmp and a film", bmp(up, 32) + FILM
