"""Triton's Python backend: the model file that each of its processes runs.

Source: https://github.com/triton-inference-server/python_backend
"""

import json
from typing import Any

import numpy as np
import triton_python_backend_utils as backend

from benchmarks.peers.classifier import classifier_from_environment


class TritonPythonModel:
    """Answers images, each one element (1,) of the BYTES tensor `image`."""

    def initialize(self, args: dict[str, Any]) -> None:
        """Load the network, once a process."""
        self.classifier = classifier_from_environment()

    def execute(self, requests: list[Any]) -> list[Any]:
        """The answer to each request of a batch; a request holds one image."""
        images = [backend.get_input_tensor_by_name(request, "image").as_numpy().item() for request in requests]
        answers = self.classifier.answers([self.classifier.decode(image) for image in images])
        return [
            backend.InferenceResponse(
                [backend.Tensor("answer", np.array([[json.dumps(answer).encode()]], dtype=np.object_))]
            )
            for answer in answers
        ]
