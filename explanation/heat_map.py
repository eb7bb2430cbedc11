"""A heat map as a picture for people: red where the image spoke for the class, blue where against, over the image."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from explanation.methods import HeatMap

SIDE = 384  # of the picture, in pixels
CAPTION_HEIGHT = 44
FOR, AGAINST = (214, 39, 40), (31, 90, 200)  # told apart by those who see red and green alike
STRONGEST = 0.75  # opacity of the strongest places
SMOOTHED_SIDE = 64  # cells that a map is averaged over


def overlay(picture: NDArray[np.uint8], heat: HeatMap, *, lines: tuple[str, str]) -> bytes:
    """A PNG of `SIDE` x (`SIDE` + caption) pixels.

    Args:
        picture: the image that was explained (H, H, 3) uint8, in any resolution.
        heat: (S, S) float32.
        lines: the caption.
    """
    grey = np.asarray(Image.fromarray(picture).convert("L").resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    canvas = Image.new("RGB", (SIDE, SIDE + CAPTION_HEIGHT), "white")
    canvas.paste(Image.fromarray(coloured(grey, heat)), (0, 0))
    draw = ImageDraw.Draw(canvas)
    for row, line in enumerate(lines):
        draw.text((6, SIDE + 4 + 19 * row), line, fill="black", font=ImageFont.load_default(14))
    file = io.BytesIO()
    canvas.save(file, format="PNG")
    return file.getvalue()


def coloured(grey: NDArray[np.uint8], heat: HeatMap) -> NDArray[np.uint8]:
    """A grey picture (H, H) uint8 with the heat over it, (H, H, 3) uint8; the strongest places are almost opaque."""
    strength = _enlarged(heat, len(grey))[:, :, None]
    scale = np.quantile(np.abs(strength), 0.99) or 1.0
    opacity = np.minimum(np.abs(strength) / scale, 1) * STRONGEST
    colour = np.where(strength > 0, np.array(FOR), np.array(AGAINST))
    mixed: NDArray[np.uint8] = (grey[:, :, None] * (1 - opacity) + colour * opacity).astype(np.uint8)
    return mixed


def _enlarged(heat: HeatMap, side: int) -> NDArray[np.float32]:
    """The map at the size of the picture, smoothed: single pixels of a gradient are no help to a reader."""
    cells = min(SMOOTHED_SIDE, side)
    large = Image.fromarray(heat.astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC)
    # Pillow blurs no float images: the blur is a reduction and an enlargement.
    small = large.resize((cells, cells), Image.Resampling.BOX)
    return np.asarray(small.resize((side, side), Image.Resampling.BICUBIC))
