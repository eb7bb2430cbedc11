"""The square of pixels that a network takes: the central one of an image, resized with antialiasing, over white."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

RESAMPLE = Image.Resampling.BICUBIC  # antialiased; 0.4 points more accurate than BILINEAR (benchmarks/uploads.py)
REDUCING_GAP = 2.0  # decode and box-reduce down to twice the size, filter from there (Pillow's thumbnail does so)


def square_pixels(pixels: Pixels, *, size: int) -> Pixels:
    """An RGB image (height, width, 3) uint8 as the square (size, size, 3) that a network takes."""
    if pixels.shape == (size, size, 3):
        return pixels
    return np.asarray(resized(central_square(Image.fromarray(pixels)), size=size))


def reduced_from(size: int) -> int:
    """From which shorter side on a JPEG is decoded at a reduced scale, which leaves `REDUCING_GAP` times the size."""
    return 2 * int(size * REDUCING_GAP)


def central_square(image: Image.Image) -> Image.Image:
    """The largest central square."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    # A box given to resize would let the reduction before it mix in what lies outside.
    return image if width == height else image.crop((left, top, left + side, top + side))


def resized(image: Image.Image, *, size: int) -> Image.Image:
    """A square image at `size` x `size` pixels RGB; what is transparent is shown over white."""
    if image.size != (size, size):
        image = image.resize((size, size), RESAMPLE, reducing_gap=REDUCING_GAP)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == "RGB" else image.convert("RGB")
