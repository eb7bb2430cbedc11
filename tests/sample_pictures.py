"""Pictures for tests, made in memory: every kind the service takes, and files made to harm it."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

from PIL import Image

PICTURES = Path(__file__).parent / "pictures"
CAT = PICTURES / "cat.jpg"
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The picture as a file of Pillow's format `kind`."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def plain(colour: tuple[int, ...] = RED, *, size: tuple[int, int] = (48, 40)) -> Image.Image:
    return Image.new("RGB", size, colour)


def jpeg(colour: tuple[int, ...] = RED, **options: Any) -> bytes:
    return encoded(plain(colour), "JPEG", quality=95, **options)


def quadrants(side: int = 64) -> Image.Image:
    """Red and green above, blue and white below: tells its eight orientations apart."""
    image = Image.new("RGB", (side, side))
    half = side // 2
    for colour, corner in ((RED, (0, 0)), (GREEN, (half, 0)), (BLUE, (0, half)), (WHITE, (half, half))):
        image.paste(colour, (*corner, corner[0] + half, corner[1] + half))
    return image


def cat(size: tuple[int, int] = (96, 64)) -> Image.Image:
    return Image.open(CAT).resize(size)


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def every_kind(image: Image.Image) -> dict[str, bytes]:
    """An RGB picture in each kind the service takes, by a name for the kind."""
    grey, palette = image.convert("L"), image.convert("P", palette=Image.Palette.ADAPTIVE)
    return {
        "jpeg": encoded(image, "JPEG", quality=95),
        "progressive jpeg": encoded(image, "JPEG", quality=95, progressive=True),
        "cmyk jpeg": encoded(image.convert("CMYK"), "JPEG", quality=95),
        "grey jpeg": encoded(grey, "JPEG", quality=95),
        "png": encoded(image, "PNG"),
        "palette png": encoded(palette, "PNG"),
        "alpha png": encoded(image.convert("RGBA"), "PNG"),
        "grey alpha png": encoded(image.convert("LA"), "PNG"),
        "one-bit png": encoded(image.convert("1"), "PNG"),
        "gif": encoded(palette, "GIF"),
        "webp": encoded(image, "WEBP", quality=95),
        "lossless webp": encoded(image, "WEBP", lossless=True),
        "avif": encoded(image, "AVIF", quality=95, subsampling="4:4:4"),
        "alpha avif": encoded(image.convert("RGBA"), "AVIF", quality=95, subsampling="4:4:4"),
        "bmp": encoded(image, "BMP"),
        "palette bmp": encoded(palette, "BMP"),
        "tiff": encoded(image, "TIFF"),
        "lzw tiff": encoded(image, "TIFF", compression="tiff_lzw"),
        "deflate tiff": encoded(image, "TIFF", compression="tiff_adobe_deflate"),
        "jpeg tiff": encoded(image, "TIFF", compression="jpeg", quality=95),
        "cmyk tiff": encoded(image.convert("CMYK"), "TIFF"),
        "fax tiff": encoded(image.convert("1"), "TIFF", compression="group4"),
    }


def heic(name: str) -> bytes:
    """A HEIC file of tests/odd_images/heic; nothing that is installed here writes such files."""
    return (PICTURES.parent / "odd_images" / "heic" / f"{name}.heic").read_bytes()


def with_declared_size(data: bytes, width: int, height: int) -> bytes:
    """A HEIC or AVIF file whose header (`ispe`) says another size than its frames have."""
    size = data.index(b"ispe") + 8
    return data[:size] + struct.pack(">II", width, height) + data[size + 8 :]


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is huge."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = png_chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + pixels + png_chunk(b"IEND", b"")


def png_of_tiny_chunks(count: int) -> bytes:
    """A PNG with that many empty chunks of pixels before its pixels."""
    png = encoded(plain(), "PNG")
    return png[:33] + png_chunk(b"IDAT", b"") * count + png[33:]


def png_with_chunks(*chunks: bytes) -> bytes:
    """A PNG with these chunks between header and pixels."""
    png = encoded(plain(), "PNG")
    return png[:33] + b"".join(chunks) + png[33:]


def jpeg_of_scans(count: int) -> bytes:
    """A progressive JPEG that repeats its last scan."""
    data = encoded(plain(), "JPEG", progressive=True)
    last = data[data.rfind(b"\xff\xc4", 0, data.rfind(b"\xff\xda")) : -2]
    return data[:-2] + last * count + data[-2:]


def jpeg_of_exif(count: int) -> bytes:
    """A JPEG with that many EXIF segments."""
    return jpeg()[:2] + (b"\xff\xe1\x00\x0cExif\x00\x00abcd") * count + jpeg()[2:]


def run_length_bmp(width: int, height: int) -> bytes:
    """A run-length BMP of a few bytes: one run a row."""
    rows = bytes([min(width, 255), 1, 0, 0]) * height
    header = struct.pack("<LLLHHLLLLLL", 40, width, height, 1, 8, 1, 0, 0, 0, 2, 0)
    return b"BM" + struct.pack("<LHHL", 0, 0, 0, 62) + header + b"\0\0\0\0\xff\xff\xff\0" + rows + b"\0\1"


def tiff_of_tags(*tags: tuple[int, int, int, int], data_bytes: int | None = None) -> bytes:
    """A TIFF of 64 x 64 grey pixels with these tags besides or instead: number, type, count and value or offset.

    Behind them lie `data_bytes` zeros, by default enough for all values.
    """
    grey = [(256, 4, 1, 64), (257, 4, 1, 64), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (277, 3, 1, 1)]
    entries = {entry[0]: entry for entry in [*grey, *tags]}
    table = b"".join(struct.pack("<HHLL", *entries[number]) for number in sorted(entries))
    start = b"II*\0" + struct.pack("<LH", 8, len(entries)) + table + bytes(4)
    return start + bytes(data_bytes or 8192 + 8 * max(count for _, _, count, _ in entries.values()))
