"""Image formats by their first bytes: those that are decoded, and others that a message can name."""

from images.errors import NotAnImageError, UnsupportedImageError
from images.isobmff import brands

SUPPORTED = "JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF"
_FORMATS = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
}
_OTHERS = {
    b"%PDF": "a PDF document",
    b"<svg": "an SVG drawing",
    b"<?xml": "an XML document",
    b"8BPS": "a Photoshop document",
    b"\x00\x00\x01\x00": "a Windows icon",
    b"\x00\x00\x00\x0cjP  ": "a JPEG 2000 image",
    b"\xffO\xffQ": "a JPEG 2000 image",
    b"\x00\x00\x00\x0cJXL ": "a JPEG XL image",
    b"\xff\x0a": "a JPEG XL image",
    b"II+\x00": "a BigTIFF image",
    b"MM\x00+": "a BigTIFF image",
    b"II\xbc\x01": "a JPEG XR image",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip file",
}
# Brands of files in ISO media containers; the first of a file may be general (mif1), the compatible ones tell more.
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_GENERAL_BRANDS = {b"mif1", b"msf1"}
_OTHER_BRANDS = {b"crx ": "a Canon raw image"}


def image_format(data: bytes | bytearray) -> str:
    """Pillow's name of the format.

    Raises:
        NotAnImageError: the bytes start like no image.
        UnsupportedImageError: they start like an image, or a document, that is not decoded.
    """
    start = bytes(data[:16])
    for magic, name in _FORMATS.items():
        if start.startswith(magic):
            return name
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "WEBP"
    if start[4:8] == b"ftyp" and (kind := _media_format(data)):
        return kind
    if other := _other_format(start):
        raise UnsupportedImageError(f"{other} came; expected {SUPPORTED}")
    raise NotAnImageError(f"no image: it starts with {start[:8]!r}; expected {SUPPORTED}")


def _other_format(start: bytes) -> str | None:
    if start[4:8] == b"ftyp":
        return _OTHER_BRANDS.get(start[8:12], "a video")
    return next((name for magic, name in _OTHERS.items() if start.startswith(magic)), None)


def _media_format(data: bytes | bytearray) -> str | None:
    """HEIF, as Pillow calls HEIC, or AVIF; None for other files in such a container."""
    major, known = bytes(data[8:12]), brands(data)
    if major in _AVIF_BRANDS or (major in _GENERAL_BRANDS and known & _AVIF_BRANDS):
        return "AVIF"
    if major in _HEIC_BRANDS or (major in _GENERAL_BRANDS and known & _HEIC_BRANDS):
        return "HEIF"
    return None
