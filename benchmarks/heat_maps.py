"""Draws the pictures of docs/guides/explain.md: `python -m benchmarks.heat_maps`.

The cat of tests/pictures with both methods, and heat maps alone of ten test images of CIFAR-10, one a class: the images
themselves are not ours to copy.
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.uploads import labelled_files
from engine.metadata import EngineMetadata
from explanation.heat_map import SIDE, coloured, overlay
from explanation.methods import METHODS
from explanation.network import ExplainedNetwork
from images.decode import decode_image
from serving.settings import PROJECT

GUIDES = PROJECT / "docs" / "guides"
CAT, CAT_CLASS = PROJECT / "tests" / "pictures" / "cat.jpg", 3
TILE, GAP = 64, 4  # pixels


def main() -> None:
    """Write the pictures."""
    record = json.loads((PROJECT / "model" / "cifar10-3.0.json").read_text())
    network = ExplainedNetwork(PROJECT / "model", EngineMetadata.from_json(record["engine"]))
    cat = CAT.read_bytes()
    for name, method in METHODS.items():
        heat = method(network, decode_image(cat, image_size=32), CAT_CLASS)
        lines = ("cat   red spoke for it, blue against", f"{name.replace('_', ' ')}, {network.description}")
        png = overlay(decode_image(cat, image_size=SIDE), heat, lines=lines)
        (GUIDES / f"explain-{name.replace('_', '-')}.png").write_bytes(png)
    _ten_images(network).save(GUIDES / "explain-ten-images.png", optimize=True)


def _ten_images(network: ExplainedNetwork) -> Image.Image:
    """Heat maps of the first test image of each class, a row a method."""
    sheet = Image.new("RGB", (10 * (TILE + GAP) - GAP, len(METHODS) * (TILE + GAP) - GAP), "white")
    for column, (path, label) in enumerate(labelled_files()[:10]):
        pixels = decode_image(Path(path).read_bytes(), image_size=32)
        for row, method in enumerate(METHODS.values()):
            grey = np.full((TILE, TILE), 235, np.uint8)
            tile = Image.fromarray(coloured(grey, method(network, pixels, label)))
            sheet.paste(tile, (column * (TILE + GAP), row * (TILE + GAP)))
    return sheet


if __name__ == "__main__":
    main()
