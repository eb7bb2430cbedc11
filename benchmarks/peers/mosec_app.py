"""mosec: a server in Rust, a Python process for each worker, batches joined by the server.

Source: https://mosecorg.github.io/mosec/examples/pytorch.html and /reference/concept.html
"""

import sys
from typing import Any

from mosec import Server, Worker

from benchmarks.peers import environment_variables as variables
from benchmarks.peers.classifier import classifier_from_environment
from benchmarks.peers.settings import MAX_BATCH_SIZE, MAX_WAIT_MS


class Api(Worker):
    """Answers images, uploaded as the raw body."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier = classifier_from_environment()

    def deserialize(self, data: bytes) -> Any:
        """Decode one image."""
        return self.classifier.decode(data)

    def forward(self, data: list[Any]) -> list[dict[str, Any]]:
        """The answer to each image of a batch."""
        return self.classifier.answers(data)


if __name__ == "__main__":
    port = variables.integer(variables.PORT)
    sys.argv[1:] = ["--address", "127.0.0.1", "--port", str(port), "--log-level", "warning", "--timeout", "30000"]
    server = Server()
    server.append_worker(
        Api,
        num=variables.integer(variables.WORKERS),
        max_batch_size=MAX_BATCH_SIZE,
        max_wait_time=MAX_WAIT_MS,
        route="/predict",
    )
    server.run()
