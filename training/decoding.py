"""Picture files to pixels of one size, in several processes when there are many.

Knows nothing about classes or torch, so that a worker process starts with little to import.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from training.errors import SourceError

Pixels = NDArray[np.uint8]

# Below this, starting processes costs more than it saves.
FILES_WORTH_A_POOL = 4000


def decode(paths: Sequence[Path], *, image_size: int, processes: int | None = None) -> Pixels:
    """Decode files, in order, to ``(N, 3, image_size, image_size) uint8``.

    ``processes=None`` means one a core. Raises SourceError naming the first file that is not a readable picture.
    """
    decode_one = partial(_decode_file, image_size=image_size)
    if len(paths) < FILES_WORTH_A_POOL or processes == 1:
        rows = [decode_one(path) for path in paths]
    else:
        with ProcessPoolExecutor(processes) as pool:
            rows = list(pool.map(decode_one, paths, chunksize=500))
    return np.stack(rows)


def fit(image: Image.Image, image_size: int) -> Pixels:
    """One picture to ``(3, image_size, image_size) uint8``: the rule that serving follows too.

    Upright (EXIF), over white where it is transparent, RGB; its central square resized with antialiasing.
    """
    upright = _over_white(ImageOps.exif_transpose(image))
    if upright.size != (image_size, image_size):
        side = min(upright.size)
        left, top = ((length - side) // 2 for length in upright.size)
        square = upright.crop((left, top, left + side, top + side))
        upright = square.resize((image_size, image_size), Image.Resampling.BICUBIC, reducing_gap=2.0)
    return np.asarray(upright).transpose(2, 0, 1)


def _over_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    opaque = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(opaque, image.convert("RGBA")).convert("RGB")


def _decode_file(path: Path, *, image_size: int) -> Pixels:
    try:
        with Image.open(path) as image:
            return fit(image, image_size)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise SourceError(
            f"{path} is not a readable picture ({error}): replace it or take it out of the folder."
        ) from error
