"""Image files to one array of pixels, in several processes when there are many; decoded as serving decodes.

Knows nothing about classes or torch, so that a worker process starts with little to import.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from images.decode import Pixels, decode_file
from images.errors import ImageError
from training.errors import SourceError

MIN_FILES_FOR_POOL = 4000  # below, starting processes costs more than it saves
MAX_PIXELS = 150_000_000  # width times height; the server's limit is for uploads of strangers


def decode_files(paths: Sequence[Path], *, image_size: int, processes: int | None = None) -> Pixels:
    """Decode files, in order, to ``(N, 3, image_size, image_size) uint8``.

    ``processes=None`` means one a core. Raises SourceError naming the first file that cannot be decoded.
    """
    decode_one = partial(_decode, image_size=image_size)
    if len(paths) < MIN_FILES_FOR_POOL or processes == 1:
        images = [decode_one(path) for path in paths]
    else:
        with ProcessPoolExecutor(processes) as pool:
            images = list(pool.map(decode_one, paths, chunksize=500))
    return np.stack([image.transpose(2, 0, 1) for image in images])


def _decode(path: Path, *, image_size: int) -> Pixels:
    try:
        return decode_file(path, image_size=image_size, max_pixels=MAX_PIXELS)
    except ImageError as error:
        raise SourceError(f"{path}: {error.message}. Replace it or take it out of the folder.") from error
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror}): replace it or take it out.") from error
