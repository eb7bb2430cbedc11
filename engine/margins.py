"""Top-2 margins: how far the best class leads the second best, the measure of how far an answer is to be trusted."""

import numpy as np
from numpy.typing import NDArray

SMALLEST = np.float32(1e-30)  # probabilities below count as this, so that their logarithm is finite


def top2_margins(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Differences (N,) float32 of the two highest logits, in nats, from probabilities (N, classes), classes >= 2."""
    best = np.partition(probabilities, -2, axis=1)[:, -2:]
    logarithms = np.log(np.maximum(best, SMALLEST))
    margins: NDArray[np.float32] = logarithms[:, 1] - logarithms[:, 0]
    return margins
