"""LitServe with its own batching.

Source: https://lightning.ai/docs/litserve/features/batching
"""

import os
from typing import Any

import litserve
from fastapi import Request
from torch import Tensor

from benchmarks.peers import variables
from benchmarks.peers.classifier import Classifier


class Api(litserve.LitAPI):
    """Answers pictures, uploaded in the form's field `image`; LitServe joins up to 32 of them."""

    def setup(self, device: str) -> None:
        """Load the network, once a worker."""
        self.classifier = Classifier.from_environment()

    def decode_request(self, request: Request) -> Tensor:
        """Return one picture as ``(3, S, S) uint8``."""
        return self.classifier.decode(request["image"].file.read())

    def batch(self, inputs: list[Tensor]) -> list[Tensor]:
        """Leave the pictures a list: the classifier stacks them."""
        return inputs

    def predict(self, pictures: list[Tensor]) -> list[dict[str, Any]]:
        """Return the answer to each picture."""
        return self.classifier.answers(pictures)

    def unbatch(self, output: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Leave the answers a list: one a picture."""
        return output


if __name__ == "__main__":
    api = Api(max_batch_size=32, batch_timeout=0.001)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=int(os.environ[variables.WORKERS]))
    server.run(host="127.0.0.1", port=int(os.environ[variables.PORT]), log_level="warning", generate_client_file=False)
