"""What may be sent as a picture: bytes, the path of a file, or a Pillow image."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from PIL.Image import Image

Picture = Union[bytes, bytearray, Path, "Image"]


def to_bytes(picture: Picture) -> bytes:
    """The file that is sent: bytes as they are, a file as it is, a Pillow image as a PNG without loss.

    Raises:
        OSError: the file cannot be read, or Pillow cannot write the image as a PNG.
        TypeError: it is none of the three.
    """
    if isinstance(picture, (bytes, bytearray)):
        return bytes(picture)
    if isinstance(picture, Path):
        return picture.read_bytes()
    if not hasattr(picture, "save"):
        raise TypeError(f"{type(picture).__name__} came; expected bytes, a pathlib.Path or a Pillow image")
    file = io.BytesIO()
    picture.save(file, format="PNG")
    return file.getvalue()
