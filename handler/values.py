"""Values that requests of every protocol hold: images in base64, `top_k`; and how a message shows what came."""

from typing import Any

from handler.base64_text import decode_base64
from handler.errors import (
    InvalidBase64Error,
    InvalidTopKError,
    MissingImageError,
    TooManyBytesError,
    TooManyImagesError,
)
from handler.protocol import Limits


def image_of_base64(text: Any, max_image_bytes: int) -> bytes:
    """The image that base64 text stands for; its size is yet to be checked.

    Raises:
        InvalidBase64Error: it is no text, or no base64.
        TooManyBytesError: it is so long that decoding it would be a waste.
    """
    if not isinstance(text, str):
        raise InvalidBase64Error(f"image is JSON of type {type(text).__name__}; expected base64 text")
    if len(text) * 3 // 4 > 2 * max_image_bytes + 1000:  # half of it may be line ends
        raise too_many_bytes(len(text) * 3 // 4, max_image_bytes)
    try:
        return decode_base64(text)
    except ValueError as error:
        raise InvalidBase64Error(f"image is no base64 ({error}); expected an image in base64, or a data URL") from error


def check_size(image: bytes | bytearray, max_image_bytes: int) -> None:
    """Raise TooManyBytesError for an image above the limit."""
    if len(image) > max_image_bytes:
        raise too_many_bytes(len(image), max_image_bytes)


def check_count(count: int, limits: Limits) -> None:
    """Raise for a request of no image, or of more than the limit.

    Raises:
        MissingImageError: there is none.
        TooManyImagesError: there are too many.
    """
    if not count:
        raise MissingImageError("no image came; expected at least one")
    if count > limits.max_images:
        raise TooManyImagesError(f"{count:,} images came; expected at most {limits.max_images} a request: send several")


def checked_top_k(value: Any, *, default_top_k: int, class_count: int) -> int:
    """`top_k` as a request says it: a form sends text, JSON a number; None is one that does not say.

    Raises:
        InvalidTopKError: it is no whole number from 1 to the number of classes.
    """
    if value is None:
        return default_top_k
    number = value
    if isinstance(value, (str, bytes, bytearray)):
        try:
            number = int(value)
        except ValueError:
            number = None
    if type(number) is not int or not 1 <= number <= class_count:
        raise InvalidTopKError(f"top_k is {shown(value)}; expected a whole number from 1 to {class_count}")
    return number


def shown(value: Any) -> str:
    """What a client sent, short enough for a message; of a nested value, whose text has no bound, the type alone."""
    if isinstance(value, (list, dict)):
        return f"of type {type(value).__name__}"
    text = value.decode("utf-8", "replace") if isinstance(value, (bytes, bytearray)) else str(value)
    return text if len(text) <= 40 else text[:40] + "…"


def too_many_bytes(came: int, max_image_bytes: int) -> TooManyBytesError:
    """The error of an image that has more bytes than the limit."""
    return TooManyBytesError(f"an image of {came:,} bytes; expected at most {max_image_bytes:,}: send a smaller one")
