"""OpenVINO as the engine of a peer."""

from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray

from benchmarks.peers.classifier import Classifier

# One thread a worker process. Without the second line all processes pin their thread to the same core.
SETTINGS = {
    "INFERENCE_NUM_THREADS": 1,
    "ENABLE_CPU_PINNING": False,
    "PERFORMANCE_HINT": "LATENCY",
    "INFERENCE_PRECISION_HINT": "f32",  # what is not quantized; OpenVINO's default may be bfloat16
}


class OpenVinoClassifier(Classifier):
    """A network in OpenVINO's IR, whose input is (N, 3, S, S) uint8 and whose output is logits."""

    def __init__(self, record: Path, *, ir: Path) -> None:
        network = openvino.Core().read_model(ir)
        super().__init__(record, image_size=network.input().partial_shape[2].get_length())
        self._network = openvino.Core().compile_model(network, "CPU", SETTINGS)

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `Classifier.probabilities`."""
        logits = self._network(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))[0]
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        result: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
        return result
