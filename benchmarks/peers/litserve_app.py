"""LitServe with its own batching.

Source: https://lightning.ai/docs/litserve/features/batching
"""

from typing import Any

import litserve
import numpy as np
from fastapi import Request
from numpy.typing import NDArray

from benchmarks.peers import environment_variables as variables
from benchmarks.peers.classifier import classifier_from_environment
from benchmarks.peers.settings import MAX_BATCH_SIZE, MAX_WAIT_MS


class Api(litserve.LitAPI):
    """Answers images, uploaded in the form's field `image`."""

    def setup(self, device: str) -> None:
        """Load the network, once a worker."""
        self.classifier = classifier_from_environment()

    def decode_request(self, request: Request) -> NDArray[np.uint8]:
        """Decode one image."""
        return self.classifier.decode(request["image"].file.read())

    def batch(self, inputs: list[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        """Leave the images a list: the classifier stacks them."""
        return inputs

    def predict(self, images: list[NDArray[np.uint8]]) -> list[dict[str, Any]]:
        """The answer to each image."""
        return self.classifier.answers(images)

    def unbatch(self, output: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Leave the answers a list: one an image."""
        return output


if __name__ == "__main__":
    api = Api(max_batch_size=MAX_BATCH_SIZE, batch_timeout=MAX_WAIT_MS / 1000)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=variables.integer(variables.WORKERS))
    server.run(
        host="127.0.0.1", port=variables.integer(variables.PORT), log_level="warning", generate_client_file=False
    )
