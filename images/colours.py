"""From what Pillow decodes to colours that can be mixed: 8 bits a channel, grey, RGB or CMYK, with or without alpha."""

import numpy as np
from PIL import Image

from images.errors import UnsupportedImageError
from images.source import Source

# Modes that are resized as they are and made RGB afterwards, when few pixels are left.
RESIZABLE = {"RGB", "RGBA", "L", "CMYK", "YCbCr", "RGBX"}
# Modes whose pixels cannot be mixed: what to convert to before the resize.
CONVERTED = {"1": "L", "P": "RGB", "LA": "RGBA", "PA": "RGBA", "RGBa": "RGBA"}
SIXTEEN_BIT = {"I;16", "I;16L", "I;16B", "I;16N"}
REFUSED = {"F": "floating-point samples", "I": "samples of 32 bits", "LAB": "CIELAB colours"}


def mixable(image: Image.Image, source: Source) -> Image.Image:
    """The same image in one of `RESIZABLE`.

    Raises:
        UnsupportedImageError: its samples have no known range, or its colours no simple way to RGB.
    """
    if image.mode in RESIZABLE and "transparency" not in image.info and source.transparent is None:
        return image
    shown = None if source.transparent is None else _alpha(image, source.transparent, bits=source.bits)
    if image.mode in SIXTEEN_BIT:
        image = _eight_bits(image, source)
    elif "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode in CONVERTED:
        image = image.convert(CONVERTED[image.mode])
    elif image.mode not in RESIZABLE:
        came = REFUSED.get(image.mode, f"Pillow's mode {image.mode}")
        raise UnsupportedImageError(f"an image of {came} came; expected grey, palette, RGB or CMYK of at most 16 bits")
    if shown is not None:
        image = image.convert("RGBA")
        image.putalpha(shown)
    return image


def without_empty_alpha(image: Image.Image) -> Image.Image:
    """An image whose alpha channel is all zero as RGB: BMP writers leave it empty, and browsers show the colours."""
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0):
        return image.convert("RGB")
    return image


def without_margin(image: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    """A frame of a GIF on a transparent screen; Pillow fills the screen around it with a colour of its palette."""
    if box == (0, 0, *image.size):
        return image
    screen = Image.new("RGBA", image.size, (255, 255, 255, 0))
    screen.paste(image.convert("RGBA").crop(box), box[:2])
    return screen


def _eight_bits(image: Image.Image, source: Source) -> Image.Image:
    """A 16-bit grey image as L: the high byte, as libvips and browsers have it. convert("L") would clip at 255."""
    samples = np.right_shift(np.asarray(image), max(source.bits, 8) - 8).astype(np.uint8)
    return Image.fromarray(~samples if source.white_is_zero else samples)


def _alpha(image: Image.Image, transparent: tuple[int, ...], *, bits: int) -> Image.Image:
    """The alpha channel (L) of an image with one transparent colour: 0 there, 255 elsewhere."""
    samples = np.asarray(image)
    scale = 255 // ((1 << bits) - 1) if bits < 8 and image.mode == "L" else 1  # as Pillow scales the samples
    differs = samples != np.array(transparent, np.int64).squeeze() * scale
    return Image.fromarray((differs.any(axis=2) if differs.ndim == 3 else differs).astype(np.uint8) * 255)
