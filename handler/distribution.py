"""How a worker's answers are distributed, for drift: their classes, confidence and top-2 margins.

Answers are kept and counted together, a thousand at a time or once a second: a batch then costs a few microseconds. A
worker that is killed loses those of its last second, which no distribution feels.
"""

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Histogram

from engine.drift import Reference
from engine.margins import top2_margins
from handler.tally import Tally

COUNT_AFTER_IMAGES = 1000
COUNT_AFTER_S = 1.0


class Distribution:
    """Counts answers in the bins of a reference.

    Args:
        reference: of the version.
        class_names: in the order of the probabilities.
        labels: of its series, by name.
        registry: where they are registered.
    """

    def __init__(
        self, reference: Reference, class_names: Sequence[str], labels: dict[str, str], registry: CollectorRegistry
    ) -> None:
        classes = Counter(
            "pixserve_predictions_total", "Images by the class that was answered.", (*labels, "class"),
            registry=registry,
        )  # fmt: skip
        self._classes = [classes.labels(*labels.values(), name) for name in class_names]
        self._confidence, self._margin = (
            Tally(Histogram(name, text, (*labels,), registry=registry, buckets=bins.bounds).labels(*labels.values()))
            for name, text, bins in (
                ("pixserve_confidence_ratio", "Probability of the class that was answered.", reference.confidence),
                ("pixserve_margin_nats", "Difference of the two highest logits.", reference.margin),
            )
        )
        self._kept: list[NDArray[np.float32]] = []
        self._images = 0
        self._counted_s = 0.0

    def add(self, probabilities: NDArray[np.float32]) -> None:
        """Keep the answers (N, classes) of a forward pass; nobody may change them afterwards."""
        self._kept.append(probabilities)
        self._images += len(probabilities)

    def end_batch(self) -> None:
        """Count what was kept, if it is time."""
        if self._images >= COUNT_AFTER_IMAGES or (self._kept and time.perf_counter() - self._counted_s > COUNT_AFTER_S):
            self.count()

    def count(self) -> None:
        """Count what was kept."""
        probabilities = np.concatenate(self._kept)
        self._kept.clear()
        self._images, self._counted_s = 0, time.perf_counter()
        best = probabilities.argmax(axis=1)
        for index, images in enumerate(np.bincount(best).tolist()):
            if images:
                self._classes[index].inc(images)
        self._confidence.add_all(probabilities[np.arange(len(best)), best])  # max() takes three times as long
        self._margin.add_all(top2_margins(probabilities))
        self._confidence.flush()
        self._margin.flush()
