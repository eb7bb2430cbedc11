"""The best classes of each answer: one order for what a server answers and what a batch job writes."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Ranked(NamedTuple):
    """Class indexes (N, count) int64, best first, and their probabilities (N, count) float32."""

    classes: NDArray[np.int64]
    probabilities: NDArray[np.float32]


def best_classes(probabilities: NDArray[np.float32], count: int) -> Ranked:
    """The `count` most probable classes of each row of (N, classes); of equal ones the lower index comes first."""
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
    return Ranked(best, np.take_along_axis(probabilities, best, axis=1))
