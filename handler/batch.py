"""The images of a batch: rows to images, one forward pass, results back to their rows."""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.ranking import best_classes
from handler.errors import RowError, TooManyImagesError, numbered
from handler.protocol import ImageRequest, Item, Prediction, Result
from images.decode import Pixels
from images.errors import ImageError

if TYPE_CHECKING:
    from engine.loading import Engine
    from handler.telemetry import Telemetry

MAX_IMAGES_A_PASS = 64  # a worker keeps the memory of its largest pass
# CPU time that decoding the first images of a row may take before its others are refused. Any one image takes 1 s at
# most (images/guards.py), so a batch of 32 such rows stays below responseTimeout, which would end the worker.
MAX_ROW_DECODE_S = 0.5


class _Row(NamedTuple):
    """A row that can be answered; `errors` holds those of its images that cannot, by their place in the row."""

    number: int
    request: ImageRequest
    errors: dict[int, RowError]


class Batch:
    """Collects the decoded images of all rows that can be answered.

    A row is one request and may hold several images. All images share one forward pass, or a few where there are more
    than `MAX_IMAGES_A_PASS`.

    Args:
        decode: turns an image file, or RGB pixels of any size, into pixels (S, S, 3) uint8, or raises ImageError.
    """

    def __init__(self, decode: Callable[[bytes | bytearray | Pixels], Pixels]) -> None:
        self._decode = decode
        self._images: list[Pixels] = []
        self._rows: list[_Row] = []

    def add(self, number: int, request: ImageRequest) -> None:
        """Decode the images of a row; one that cannot be decoded has its error as result, and costs no other.

        Raises:
            ImageError, RequestError: not one image of the row can be decoded. Other rows are as they were.
        """
        errors: dict[int, RowError] = {}
        if len(request.images) == 1:
            (image,) = request.images
            if isinstance(image, Exception):
                raise image
            self._images.append(self._decode(image))
        else:
            decoded = self._decoded(request.images, errors)
            if not decoded:
                raise numbered(errors[0], 1, len(request.images))
            self._images += decoded
        self._rows.append(_Row(number, request, errors))

    def results(self, engine: "Engine", telemetry: "Telemetry") -> Iterator[tuple[int, ImageRequest, Sequence[Result]]]:
        """Run all images through the engine at once; yield each row with the results of its images, in order."""
        if not self._images:
            return
        probabilities = self._probabilities(engine, telemetry)
        count = max(row.request.top_k for row in self._rows)
        best = best_classes(probabilities, count)
        ranked = map(Prediction, best.probabilities.tolist(), best.classes.tolist())
        for number, request, errors in self._rows:
            predictions = list(islice(ranked, len(request.images) - len(errors)))
            if request.top_k < count:
                predictions = [prediction.best(request.top_k) for prediction in predictions]
            yield number, request, _in_their_places(predictions, errors) if errors else predictions

    def _probabilities(self, engine: "Engine", telemetry: "Telemetry") -> NDArray[np.float32]:
        """Class probabilities (N, classes) of all images."""
        images = self._images
        pixels = np.concatenate(images).reshape(-1, *images[0].shape)  # half the time of np.stack
        found = []
        for start in range(0, len(images), MAX_IMAGES_A_PASS):
            start_s = time.perf_counter()
            answers = engine.answer(pixels[start : start + MAX_IMAGES_A_PASS])
            telemetry.classified(answers, time.perf_counter() - start_s)
            found.append(answers.probabilities)
        return found[0] if len(found) == 1 else np.concatenate(found)

    def _decoded(self, images: Sequence[Item], errors: dict[int, RowError]) -> list[Pixels]:
        """The images that can be decoded; `errors` is given the others."""
        decoded = []
        start_s = time.thread_time()
        for place, image in enumerate(images):
            if isinstance(image, Exception):
                errors[place] = image
            elif (spent_s := time.thread_time() - start_s) > MAX_ROW_DECODE_S:
                errors[place] = TooManyImagesError(
                    f"the images before it took {spent_s:.1f} s to decode, and a request has {MAX_ROW_DECODE_S} s; "
                    "expected fewer or smaller images: send it again in a request of its own"
                )
            else:
                try:
                    decoded.append(self._decode(image))
                except ImageError as error:
                    errors[place] = error
        return decoded


def _in_their_places(predictions: Sequence[Prediction], errors: dict[int, RowError]) -> list[Result]:
    rest = iter(predictions)
    return [errors[place] if place in errors else next(rest) for place in range(len(predictions) + len(errors))]
