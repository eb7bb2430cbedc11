"""BentoML with adaptive batching.

Source: https://docs.bentoml.com/en/latest/get-started/adaptive-batching.html
"""

import os
from typing import Any

import bentoml
from PIL.Image import Image

from benchmarks.peers import variables
from benchmarks.peers.classifier import Classifier


@bentoml.service(workers=int(os.environ[variables.WORKERS]))
class Api:
    """Answers pictures, uploaded in the form's field `image`; BentoML joins up to 32 of them."""

    def __init__(self) -> None:
        self.classifier = Classifier.from_environment()

    @bentoml.api(batchable=True, max_batch_size=32)
    def predict(self, image: list[Image]) -> list[dict[str, Any]]:
        """Return the answer to each picture; an upload of one is a batch of one."""
        return self.classifier.answers([self.classifier.pixels(picture) for picture in image])
