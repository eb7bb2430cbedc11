"""What the answers of a job say as a whole: counts, the least certain images, and what labels tell of them."""

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.labels import Labels

BINS = 15  # of equal width, as Guo et al. (arXiv 1706.04599) measure calibration
LEAST_CERTAIN = 24
EXAMPLES = 3  # of each type of error


class Uncertain(NamedTuple):
    """An image with a small margin: where its row is, and the row."""

    margin: float
    part: int
    number: int
    row: Mapping[str, Any]


@dataclass
class Labelled:
    """Answers beside labels: `confusion` (classes, classes) counts [label, answer]; by bin, three sums."""

    confusion: NDArray[np.int64]
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))
    confidence: NDArray[np.float64] = field(default_factory=lambda: np.zeros(BINS))
    correct: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))
    failed: int = 0

    def add(self, label: int, row: Mapping[str, Any]) -> None:
        """Count a row that has a class."""
        probability, best = row["probability"], row["class"]
        self.confusion[label, best] += 1
        place = min(max(int(np.ceil(probability * BINS)), 1), BINS) - 1
        self.counts[place] += 1
        self.confidence[place] += probability
        self.correct[place] += best == label

    @property
    def images(self) -> int:
        """How many answers have a label."""
        return int(self.counts.sum())

    @property
    def accuracy(self) -> float:
        """The share of them that is right."""
        return float(self.correct.sum() / self.images)

    @property
    def calibration_error(self) -> float:
        """Expected calibration error (ECE), 0 to 1."""
        return float(np.abs(self.correct - self.confidence).sum() / self.images)

    def bins(self) -> list[tuple[int, float, float]]:
        """Of each bin that is not empty: answers, mean confidence, share right."""
        return [
            (int(count), float(confidence / count), float(right / count))
            for count, confidence, right in zip(self.counts, self.confidence, self.correct, strict=True)
            if count
        ]


@dataclass
class Statistics:
    """Counts over all rows of an output.

    Attributes:
        images: rows.
        classes: images by class name, in the order of the classes.
        errors: rows by type of error, and some messages of each.
        least_certain: the images with the smallest margins, ascending.
        labelled: what labels tell; None where no row has one.
        unknown_labels: rows by label, where that is no class of the model.
    """

    images: int
    classes: dict[str, int]
    errors: Counter[str]
    messages: dict[str, list[tuple[str, str]]]
    least_certain: list[Uncertain]
    labelled: Labelled | None
    unknown_labels: Counter[str]

    @property
    def classified(self) -> int:
        """Rows that have a class."""
        return self.images - self.errors.total()


def gather(parts: Iterable[list[dict[str, Any]]], class_names: tuple[str, ...], labels: Labels) -> Statistics:
    """Read every row once; memory does not grow with their number.

    Args:
        parts: the rows of each part, in order.
        class_names: of the model.
        labels: the classes of labels.
    """
    counts = [0] * len(class_names)
    found = Statistics(0, {}, Counter(), {}, [], None, Counter())
    labelled = Labelled(np.zeros((len(class_names), len(class_names)), np.int64))
    heap: list[tuple[float, int, int, Mapping[str, Any]]] = []  # the largest of the small margins first
    for part, rows in enumerate(parts):
        for number, row in enumerate(rows):
            found.images += 1
            label = _label(row["label"], labels, found.unknown_labels)
            if row["error_type"] is not None:
                _add_error(found, row)
                labelled.failed += label is not None
                continue
            counts[row["class"]] += 1
            if label is not None:
                labelled.add(label, row)
            if len(heap) < LEAST_CERTAIN:
                heapq.heappush(heap, (-row["margin"], -part, -number, row))
            elif row["margin"] < -heap[0][0]:
                heapq.heapreplace(heap, (-row["margin"], -part, -number, row))
    found.classes = dict(zip(class_names, counts, strict=True))
    found.least_certain = [Uncertain(-margin, -part, -number, row) for margin, part, number, row in sorted(heap)[::-1]]
    found.labelled = labelled if labelled.images else None
    return found


def _label(text: str | None, labels: Labels, unknown: Counter[str]) -> int | None:
    if text is None:
        return None
    if text not in labels.classes:
        unknown[text] += 1
        return None
    return labels.classes[text]


def _add_error(found: Statistics, row: Mapping[str, Any]) -> None:
    kind = row["error_type"]
    found.errors[kind] += 1
    examples = found.messages.setdefault(kind, [])
    if len(examples) < EXAMPLES:
        examples.append((row["key"], row["error_message"]))
