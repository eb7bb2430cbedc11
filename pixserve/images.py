"""What can be sent as an image: the bytes of a file, the path of one, or a Pillow image."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Union

from pixserve.errors import UnsupportedImageError

if TYPE_CHECKING:
    from PIL.Image import Image

ImageSource = Union[bytes, bytearray, Path, "Image"]

PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})  # Pillow writes them without loss
SIXTEEN_BITS = frozenset({"I;16B", "I;16L", "I;16N"})  # I;16 in another order of bytes
XMP = ("xmp", "XML:com.adobe.xmp")
PNG_MODE = {"CMYK": "RGB", "YCbCr": "RGB", "HSV": "RGB", "RGBX": "RGB", "PA": "RGBA", "RGBa": "RGBA", "La": "LA"}


def to_bytes(image: ImageSource) -> bytes:
    """Return the file to send: bytes and files unchanged, a Pillow image as a lossless PNG, turned upright.

    Of a Pillow image that was opened and not yet decoded the file itself is sent. Any other is sent as it would look in
    a viewer: the EXIF orientation is applied, and CMYK, YCbCr, HSV and LAB become RGB.

    Raises:
        OSError: the file cannot be read.
        UnsupportedImageError: a Pillow image whose pixel values have no defined range (modes I and F).
        TypeError: it is none of the three.
    """
    if isinstance(image, (bytes, bytearray)):
        return bytes(image)
    if isinstance(image, Path):
        return image.read_bytes()
    if not hasattr(image, "save"):
        raise TypeError(f"{type(image).__name__} came; expected bytes, a pathlib.Path or a Pillow image")
    return _unread_file(image) or _png(image)


def _unread_file(image: "Image") -> bytes | None:
    """The file of an image whose pixels Pillow has not read yet, so that nobody can have changed them."""
    file = getattr(image, "fp", None)
    if file is None or not getattr(image, "tile", None) or image.tell():
        return None
    position = file.tell()
    file.seek(0)
    content: bytes = file.read()
    file.seek(position)
    return content


def _png(image: "Image") -> bytes:
    file = io.BytesIO()
    _in_png_mode(_upright(image)).save(file, format="PNG")
    return file.getvalue()


def _upright(image: "Image") -> "Image":
    """The image turned by its EXIF orientation alone, as the server and browsers do; Pillow would heed XMP, too."""
    from PIL import ImageOps  # the client is imported without Pillow

    plain = image.copy()
    for key in XMP:
        plain.info.pop(key, None)
    try:
        return ImageOps.exif_transpose(plain)
    except SyntaxError:  # Pillow's word for EXIF that it cannot read; on the server it turns nothing either
        return plain


def _in_png_mode(image: "Image") -> "Image":
    """The same image in a mode that a PNG can hold."""
    if image.mode in PNG_MODES:
        return image
    if image.mode in SIXTEEN_BITS:
        return image.convert("I").convert("I;16")
    if image.mode in PNG_MODE:
        converted = image.convert(PNG_MODE[image.mode])
    elif image.mode == "LAB":
        converted = _lab_to_rgb(image)
    else:
        raise UnsupportedImageError(
            f"a Pillow image of mode {image.mode} came, whose pixel values have no defined range; "
            "expected L, RGB or another 8-bit mode: scale the values to 0..255 and convert it to L"
        )
    converted.info.pop("icc_profile", None)  # it describes the pixels before the conversion
    return converted


def _lab_to_rgb(image: "Image") -> "Image":
    from PIL import ImageCms  # Pillow's own `convert` does not know LAB

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    assert converted is not None, "profileToProfile returns None only where it converts in place"
    return converted
