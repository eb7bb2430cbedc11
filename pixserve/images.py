"""What can be sent as an image: the bytes of a file, the path of one, or a Pillow image."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Union

from pixserve.errors import UnsupportedImageError

if TYPE_CHECKING:
    from PIL.Image import Image

ImageSource = Union[bytes, bytearray, Path, "Image"]

PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})  # Pillow writes them without loss
PNG_MODE = {"CMYK": "RGB", "YCbCr": "RGB", "HSV": "RGB", "RGBX": "RGB", "PA": "RGBA", "RGBa": "RGBA", "La": "LA"}


def to_bytes(image: ImageSource) -> bytes:
    """Return the file to send: bytes and files unchanged, a Pillow image as a lossless PNG, turned upright.

    A Pillow image is sent as it would look in a viewer: the EXIF orientation is applied, and CMYK, YCbCr, HSV and LAB
    become RGB.

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
    return _png(image)


def _png(image: "Image") -> bytes:
    from PIL import ImageOps  # the client is imported without Pillow

    upright = ImageOps.exif_transpose(image)
    file = io.BytesIO()
    _in_png_mode(upright).save(file, format="PNG")
    return file.getvalue()


def _in_png_mode(image: "Image") -> "Image":
    """The same image in a mode that a PNG can hold."""
    if image.mode in PNG_MODES:
        return image
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
