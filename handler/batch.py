"""The images of a batch: rows to images, one forward pass, predictions back to their rows."""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from engine.ranking import best_classes
from handler.request import ImageRequest
from images.decode import Pixels
from images.errors import ImageError

if TYPE_CHECKING:
    from engine.loading import Engine
    from handler.telemetry import Telemetry


class Prediction(NamedTuple):
    """The most probable classes of one image, best first: probabilities in [0, 1] and class indexes."""

    probabilities: list[float]
    classes: list[int]

    def best(self, count: int) -> "Prediction":
        """The first `count` of them."""
        return Prediction(self.probabilities[:count], self.classes[:count])


class Batch:
    """Collects the decoded images of all rows that can be answered.

    A row is one request and may hold several images. All images share one forward pass.

    Args:
        decode: turns the bytes of an image into pixels (S, S, 3) uint8, or raises ImageError.
    """

    def __init__(self, decode: Callable[[bytes | bytearray], Pixels]) -> None:
        self._decode = decode
        self._images: list[Pixels] = []
        self._requests: list[tuple[int, ImageRequest]] = []

    def add(self, row: int, request: ImageRequest) -> None:
        """Decode the images of a row.

        Raises:
            ImageError: an image cannot be decoded. None of the row's images is kept; other rows are as they were.
        """
        if len(request.images) == 1:
            self._images.append(self._decode(request.images[0]))
        else:
            self._images += self._decoded(request.images)
        self._requests.append((row, request))

    def predictions(self, engine: "Engine", telemetry: "Telemetry") -> Iterator[tuple[int, list[Prediction]]]:
        """Run all images through the engine at once; yield each row with the predictions of its images, in order."""
        if not self._images:
            return
        pixels = np.concatenate(self._images).reshape(-1, *self._images[0].shape)  # half the time of np.stack
        start_s = time.perf_counter()
        answers = engine.answer(pixels)
        telemetry.classified(answers, time.perf_counter() - start_s)
        probabilities = answers.probabilities
        count = max(request.top_k for _, request in self._requests)
        best = best_classes(probabilities, count)
        ranked = map(Prediction, best.probabilities.tolist(), best.classes.tolist())
        for row, request in self._requests:
            predictions = list(islice(ranked, len(request.images)))
            if request.top_k < count:
                predictions = [prediction.best(request.top_k) for prediction in predictions]
            yield row, predictions

    def _decoded(self, images: Sequence[bytes | bytearray]) -> list[Pixels]:
        decoded = []
        for number, image in enumerate(images, start=1):
            try:
                decoded.append(self._decode(image))
            except ImageError as error:
                raise type(error)(f"image {number} of {len(images)}: {error.message}") from error
        return decoded
