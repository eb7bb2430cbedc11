"""BentoML with adaptive batching.

Source: https://docs.bentoml.com/en/latest/get-started/adaptive-batching.html
"""

from typing import Any

import bentoml
from PIL.Image import Image

from benchmarks.peers import environment_variables as variables
from benchmarks.peers.classifier import classifier_from_environment
from benchmarks.peers.settings import MAX_BATCH_SIZE


@bentoml.service(workers=variables.integer(variables.WORKERS))
class Api:
    """Answers images, uploaded in the form's field `image`."""

    def __init__(self) -> None:
        self.classifier = classifier_from_environment()

    @bentoml.api(batchable=True, max_batch_size=MAX_BATCH_SIZE)
    def predict(self, image: list[Image]) -> list[dict[str, Any]]:
        """The answer to each image; an upload of one is a batch of one."""
        return self.classifier.answers([self.classifier.pixels(one) for one in image])
