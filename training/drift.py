"""The reference that a service compares its answers with: those to held-out images, in bins (`engine.drift`)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from engine.drift import STATISTICS, Bins, Reference
from engine.margins import top2_margins

FALSE_ALARM_RATE = 0.001  # of windows, by any of the statistics
BINS = 10  # of confidence and of margin, each with as many images of the reference
BOUND_DIGITS = 6  # as records are rounded
WINDOW_IMAGES = 1000
WINDOW_IMAGES_PER_CLASS = 10
FEWEST_IMAGES = 100  # of a reference: ten a bin
FEWEST_EXPECTED = 5  # images of a window in a bin; with fewer, chi-square is no approximation (Cochran, 1954)


def reference_of(probabilities: NDArray[np.float32], *, of: str, rate: float = FALSE_ALARM_RATE) -> Reference:
    """The reference from probabilities (N, classes) of held-out images, N >= 1.

    Confidence and margin have bins of equal counts, so that each bin tells as much. Classes that are too rare for a
    window share one bin. Three statistics are looked at, so each has a third of the rate (Bonferroni).

    Args:
        probabilities: as they are served.
        of: which images, in words.
        rate: the share of windows, 0 to 1, that may be found different where nothing is.
    """
    count, classes = probabilities.shape
    window = max(WINDOW_IMAGES, WINDOW_IMAGES_PER_CLASS * classes)
    of_classes = np.bincount(probabilities.argmax(axis=1), minlength=classes)
    rare = of_classes * (window / count) < FEWEST_EXPECTED
    class_bins = np.where(rare, (~rare).sum(), np.cumsum(~rare) - 1)
    return Reference(
        of=of,
        window_images=window,
        false_alarm_rate=rate,
        class_bins=tuple(class_bins.tolist()),
        classes=_bins(np.bincount(class_bins, weights=of_classes).astype(int), rate=rate),
        confidence=_quantile_bins(probabilities.max(axis=1), rate=rate),
        margin=_quantile_bins(top2_margins(probabilities), rate=rate),
    )


def counts_of(reference: Reference, probabilities: NDArray[np.float32]) -> dict[str, list[int]]:
    """How many of the answers (N, classes) lie in each bin of a reference, by statistic."""
    binned = {
        "classes": np.asarray(reference.class_bins)[probabilities.argmax(axis=1)],
        "confidence": np.searchsorted(reference.confidence.bounds, probabilities.max(axis=1)),
        "margin": np.searchsorted(reference.margin.bounds, top2_margins(probabilities)),
    }
    return {
        name: np.bincount(binned[name], minlength=len(bins.counts)).tolist() for name, bins in reference.bins().items()
    }


def held_out_reference(probabilities: NDArray[np.float32]) -> Reference | None:
    """The reference of every second of the test images, from the probabilities (N, classes) of all of them, in order.

    The others stay unseen, to tell how often it finds a difference where there is none. None where they are too few
    for a reference, or all are answered alike.
    """
    half = probabilities[::2]
    if len(half) < FEWEST_IMAGES:
        return None
    reference = reference_of(half, of=f"{len(half):,} test images, every second one")
    return reference if reference.confidence.bounds and reference.margin.bounds else None


def drift_entry(probabilities: NDArray[np.float32]) -> dict[str, Any] | None:
    """Section `drift` of a record, from the same."""
    reference = held_out_reference(probabilities)
    return reference.to_json() if reference else None


def _quantile_bins(values: NDArray[np.float32], *, rate: float) -> Bins:
    """Bins of about as many values (N,) each; fewer than `BINS` where many values are equal."""
    quantiles = np.quantile(values.astype(np.float64), np.arange(1, BINS) / BINS)
    bounds = np.unique(quantiles.round(BOUND_DIGITS))
    bounds = bounds[(bounds >= values.min()) & (bounds < values.max())]  # no bin is empty
    counts = np.bincount(np.searchsorted(bounds, values), minlength=len(bounds) + 1)
    return _bins(counts, rate=rate, bounds=bounds)


def _bins(counts: NDArray[np.int64], *, rate: float, bounds: NDArray[np.float64] | None = None) -> Bins:
    critical = float(chi2.isf(rate / len(STATISTICS), len(counts) - 1)) if len(counts) > 1 else 0.0
    return Bins(tuple(counts.tolist()), critical, () if bounds is None else tuple(bounds.tolist()))
