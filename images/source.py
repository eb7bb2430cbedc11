"""What a format's module hands to Pillow, and what Pillow does not say of the pixels."""

from typing import NamedTuple


class Source(NamedTuple):
    """One image as a file for Pillow.

    `orientation` is that of EXIF, 1 to 8; None leaves it to Pillow. `bits` are those of a sample in the file.
    `transparent` is the one colour of a grey or RGB image that is not shown, as samples of `bits` bits.
    `white_is_zero` says that Pillow leaves the samples of a negative as they are.
    """

    data: bytes | bytearray
    orientation: int | None = None
    bits: int = 8
    transparent: tuple[int, ...] | None = None
    white_is_zero: bool = False
