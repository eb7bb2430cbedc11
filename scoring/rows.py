"""The answers of a chunk, in columns; what the parts of the output are written from."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class RowError(NamedTuple):
    """Why an image has no class: the `type` and `message` that the server answers."""

    type: str
    message: str


@dataclass
class Rows:
    """One row an image, in the order of the chunk.

    Attributes:
        keys, labels: of each image; a label is None where nobody gave one.
        errors: by row, for images without a class.
        classified: the rows that have one, ascending; the arrays below are of these.
        classes: indexes (classified, top_k) int64, best first.
        probabilities: as printed by the server, (classified, top_k) float64.
        margins: top-2 margins (classified,) float64, in nats.
    """

    keys: list[str] = field(default_factory=list)
    labels: list[str | None] = field(default_factory=list)
    errors: dict[int, RowError] = field(default_factory=dict)
    classified: list[int] = field(default_factory=list)
    _answers: list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]] = field(default_factory=list)

    def add(self, key: str, label: str | None) -> int:
        """Begin a row, and return its number."""
        self.keys.append(key)
        self.labels.append(label)
        return len(self.keys) - 1

    def answer(
        self,
        numbers: list[int],
        classes: NDArray[np.int64],
        probabilities: NDArray[np.float64],
        margins: NDArray[np.float64],
    ) -> None:
        """Set the answers of rows, in ascending order."""
        self.classified += numbers
        self._answers.append((classes, probabilities, margins))

    def answers(self) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Classes, probabilities and margins of all rows that have a class."""
        if not self._answers:
            return np.empty((0, 1), np.int64), np.empty((0, 1)), np.empty(0)
        classes, probabilities, margins = (np.concatenate(arrays) for arrays in zip(*self._answers, strict=True))
        return classes, probabilities, margins

    def error_counts(self) -> dict[str, int]:
        """How many rows have each type of error."""
        counts: dict[str, int] = {}
        for error in self.errors.values():
            counts[error.type] = counts.get(error.type, 0) + 1
        return counts
