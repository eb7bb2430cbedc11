"""What the odd files show, and what is put beside it."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from tests.sample_pictures import BLUE, GREEN, RED, WHITE

COLOURS = (RED, GREEN, BLUE, WHITE)
GREYS = ((0, 0, 0), (85, 85, 85), (170, 170, 170), (255, 255, 255))
SIDE = 64

# Compressed segments of a film hold every byte pattern, that of a JPEG's scans (ff da) many times.
FILM = b"\0\0\0\x18ftypmp42" + np.random.default_rng(0).integers(0, 256, 300_000, np.uint8).tobytes() * 10
NOTES = b"x" * 3_000_000


def grey_quadrants() -> Image.Image:
    return Image.fromarray(indexes() * 85)


def indexes() -> npt.NDArray[np.uint8]:
    """(SIDE, SIDE) uint8: 0 to 3 by quadrant."""
    return np.kron([[0, 1], [2, 3]], np.ones((SIDE // 2, SIDE // 2))).astype(np.uint8)


def packed(samples: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], bits: int) -> bytes:
    """Rows of samples of fewer than 16 bits, most significant first, each row filled up to whole bytes."""
    rows = (samples[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(rows.reshape(len(samples), -1).astype(np.uint8), axis=1).tobytes()
