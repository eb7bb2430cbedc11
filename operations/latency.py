"""Latencies of two versions: percentiles, and how sure one can be that one version is slower.

On shared cores a p99 of 500 requests is noise: two measurements of one version often differ by a factor of two. So two
versions are called in turn, and the ratio of their percentiles comes with a confidence interval.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHARES = (0.5, 0.9, 0.99)  # p50 shows a slower network at once, p99 shows rare stalls after many calls
BLOCK_CALLS = 20  # consecutive calls are resampled together: one pause of the machine slows several of them
CONFIDENCE = 0.995  # that a ratio is above the lower end of its interval
RESAMPLES = 1000


def percentile_ms(latencies_s: Sequence[float], share: float) -> float:
    """Return the latency (ms) that `share` of the calls stayed within (nearest rank), NaN where there was no call."""
    if not latencies_s:
        return math.nan
    ranked = sorted(latencies_s)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)] * 1000


@dataclass(frozen=True)
class LatencyComparison:
    """One percentile of an old and a new version (ms), and the confidence interval of new / old."""

    share: float
    old_ms: float
    new_ms: float
    ratio_low: float
    ratio_high: float

    @property
    def name(self) -> str:
        """The percentile as it is written: `p99`."""
        return f"p{self.share * 100:g}"

    def exceeds(self, factor: float, *, slack_ms: float) -> bool:
        """Whether the new version is measured above `factor` times the old one, and more than `slack_ms` above it."""
        return self.new_ms > max(factor * self.old_ms, self.old_ms + slack_ms)

    def surely_exceeds(self, factor: float, *, slack_ms: float) -> bool:
        """Whether it exceeds the limit also at the lower end of the interval."""
        return self.ratio_low > max(factor, 1 + slack_ms / self.old_ms)


def compare_latencies(old_s: Sequence[float], new_s: Sequence[float]) -> list[LatencyComparison]:
    """Compare each percentile of `SHARES`, with a non-overlapping block bootstrap of the ratio.

    Source: Lahiri, Resampling Methods for Dependent Data, 2003, chapter 2.

    Args:
        old_s, new_s: latencies (s) of two versions that were called in turn, as many of each, in that order.

    Returns:
        One comparison for each share; none where there are fewer than two blocks of `BLOCK_CALLS` calls.
    """
    import numpy as np  # a client that is installed alone does not have it

    old_blocks, new_blocks = _blocks(old_s), _blocks(new_s)
    if len(old_blocks) < 2:
        return []
    chance = np.random.default_rng(0)  # the same latencies give the same interval
    chosen = chance.integers(len(old_blocks), size=(RESAMPLES, len(old_blocks)))
    # Shape (shares, resamples): the percentiles of each resample of the same blocks of both versions.
    old, new = (
        np.quantile(blocks[chosen].reshape(RESAMPLES, -1), SHARES, axis=1, method="inverted_cdf")
        for blocks in (old_blocks, new_blocks)
    )
    lows, highs = np.quantile(new / old, (1 - CONFIDENCE, CONFIDENCE), axis=1)
    return [
        LatencyComparison(share, percentile_ms(old_s, share), percentile_ms(new_s, share), float(low), float(high))
        for share, low, high in zip(SHARES, lows, highs, strict=True)
    ]


def _blocks(latencies_s: Sequence[float]) -> "NDArray[np.float64]":
    """Cut latencies into blocks of consecutive calls, shape (blocks, BLOCK_CALLS); what is left over is dropped."""
    import numpy as np

    count = len(latencies_s) // BLOCK_CALLS
    return np.asarray(latencies_s[: count * BLOCK_CALLS], dtype=np.float64).reshape(count, BLOCK_CALLS)
