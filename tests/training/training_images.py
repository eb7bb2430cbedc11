"""Folders of small generated pictures for the tests of training: each class a colour, with noise."""

from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"red": (200, 60, 60), "green": (60, 200, 60), "blue": (60, 60, 200)}


def make_pictures(root: Path, *, train: int = 12, test: int = 4, size: tuple[int, int] = (32, 32)) -> Path:
    """Write ``root/{train,test}/<colour>/*.png`` and give back ``root``."""
    noise = np.random.default_rng(0)
    for part, count in (("train", train), ("test", test)):
        for name, colour in COLOURS.items():
            folder = root / part / name
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = np.array(colour) + noise.integers(-50, 50, (size[1], size[0], 3))
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{index}.png")
    return root
