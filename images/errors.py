"""What can be wrong with an image. HTTP statuses are the handler's (handler/errors.py)."""


class ImageError(Exception):
    """An image that cannot be decoded; `message` says what came and what was expected, in one sentence."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class EmptyImageError(ImageError):
    """There are no bytes."""


class NotAnImageError(ImageError):
    """The bytes start like no image format."""


class UnsupportedImageError(ImageError):
    """An intact image, or document, of a format or variant that is not decoded."""


class DamagedImageError(ImageError):
    """The image is cut short or cannot be decoded."""


class TooManyPixelsError(ImageError):
    """Width times height, as the header states them, is above the limit."""


class TooComplexImageError(ImageError):
    """The image is made of more scans or tags than honest ones have, or would take too long to decode."""
