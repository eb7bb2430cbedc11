"""Latencies, in seconds as measured and in milliseconds as shown."""

import math
from collections.abc import Sequence


def percentile_ms(latencies_s: Sequence[float], share: float) -> float:
    """The latency that `share` of the calls stayed within (nearest rank), or NaN where there was none."""
    if not latencies_s:
        return math.nan
    ranked = sorted(latencies_s)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)] * 1000
