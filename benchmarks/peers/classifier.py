"""What every peer calls: Pillow decodes the image, an engine runs the network. Also the reference for the answers."""

import io
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from benchmarks.peers import environment_variables as variables


class Classifier(ABC):
    """A trained network, loaded once a process.

    Args:
        record: the training record, which names the classes.
        image_size: the side of the square images that the network takes, in pixels.
    """

    def __init__(self, record: Path, *, image_size: int) -> None:
        self.class_names: list[str] = json.loads(record.read_text())["class_names"]
        self.image_size = image_size

    @abstractmethod
    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Class probabilities (N, classes) float32 of RGB images (N, S, S, 3) uint8, in one forward pass."""

    def decode(self, image: bytes) -> NDArray[np.uint8]:
        """The central square of an encoded image as (S, S, 3) uint8."""
        return self.pixels(Image.open(io.BytesIO(image)))

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        """The central square of an image as (S, S, 3) uint8."""
        image, size = image.convert("RGB"), (self.image_size, self.image_size)
        return np.array(image if image.size == size else ImageOps.fit(image, size, Image.Resampling.BILINEAR))

    def answers(self, images: Sequence[NDArray[np.uint8]]) -> list[dict[str, Any]]:
        """What the tutorial's application answers, for each decoded image."""
        probabilities = self.probabilities(np.stack(images))
        best = probabilities.argmax(axis=1)
        return [
            {"class": index, "class_name": self.class_names[index], "probability": probability}
            for index, probability in zip(best.tolist(), probabilities.max(axis=1).tolist(), strict=True)
        ]

    def answer(self, image: bytes) -> dict[str, Any]:
        """The answer to one encoded image."""
        return self.answers([self.decode(image)])[0]

    def description(self) -> dict[str, Any]:
        """What the engine says of itself: a peer's says nothing."""
        return {}

    def classes(self, images: Sequence[bytes]) -> list[int]:
        """The best class (index) of each encoded image."""
        return [answer["class"] for answer in self.answers([self.decode(image) for image in images])]


def classifier_from_environment() -> Classifier:
    """Load what the benchmark's environment variables name, for one thread; no engine but that one is imported."""
    record = Path(os.environ[variables.RECORD])
    if os.environ[variables.ENGINE] == "openvino":
        from benchmarks.peers.openvino_classifier import OpenVinoClassifier

        return OpenVinoClassifier(record, ir=Path(os.environ[variables.IR]))
    from benchmarks.peers.torch_classifier import TorchClassifier

    return TorchClassifier(record, precision=os.environ[variables.PRECISION])
