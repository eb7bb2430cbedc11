"""The service's metrics as numbers: what one scrape says, and what has come between two."""

import math
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import httpx
from prometheus_client.parser import text_string_to_metric_families

from operations.errors import RolloutError
from pixserve.endpoints import Endpoints, open_http

TIMEOUT_S = 10.0
Labels = frozenset[tuple[str, str]]


class ScrapeError(RolloutError):
    """The metrics cannot be had."""


def metrics_address(endpoints: Endpoints) -> str:
    """Return the scrape address of a server.

    Raises:
        ScrapeError: it has none.
    """
    if endpoints.metrics is None:
        raise ScrapeError("the server was started without metrics; set enable_metrics_api=true in config.properties")
    return endpoints.metrics


@dataclass(frozen=True)
class Scrape:
    """One answer of the scrape address.

    Args:
        at_s: when, by the monotonic clock.
        samples: value by the sample's name and labels.
    """

    at_s: float
    samples: Mapping[str, Mapping[Labels, float]]

    @classmethod
    def of_text(cls, text: str, *, at_s: float) -> Self:
        """Read Prometheus' text format."""
        samples: dict[str, dict[Labels, float]] = defaultdict(dict)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                samples[sample.name][frozenset(sample.labels.items())] = sample.value
        return cls(at_s, samples)

    @classmethod
    def of_address(cls, address: str) -> Self:
        """Ask a server.

        Raises:
            ScrapeError: it does not answer, or has no metrics there.
        """
        try:
            with open_http(address, timeout_s=TIMEOUT_S) as http:
                answer = http.get("/metrics").raise_for_status()
        except httpx.HTTPError as fault:
            reason = re.sub(r"^\[Errno -?\d+\] ", "", str(fault))
            raise ScrapeError(f"there are no metrics at {address}: {reason}") from fault
        return cls.of_text(answer.text, at_s=time.monotonic())

    def sum(self, name: str, **labels: str) -> float:
        """The sum of the samples of a name that have these labels; 0 where there is none."""
        wanted = labels.items()
        return sum(value for key, value in self.samples.get(name, {}).items() if wanted <= key)

    def by(self, name: str, label: str, **labels: str) -> dict[str, float]:
        """The same by the values of one label."""
        wanted, found = labels.items(), dict[str, float]()
        for key, value in self.samples.get(name, {}).items():
            if wanted <= key:
                of_label = dict(key).get(label, "")
                found[of_label] = found.get(of_label, 0.0) + value
        return found

    def versions(self) -> list[tuple[str, str]]:
        """Model and version of each that is registered."""
        found = {(labels["model"], labels["version"]) for labels in map(dict, self.samples.get(WORKERS, {}))}
        return sorted(found)

    def since(self, before: "Scrape") -> "Scrape":
        """What has come since an earlier scrape; a counter that fell has started at zero in between."""
        increases = {
            name: {key: _increase(before.value(name, key), value) for key, value in found.items()}
            for name, found in self.samples.items()
        }
        return Scrape(self.at_s, increases)

    def value(self, name: str, key: Labels) -> float:
        """One sample; 0 where it is not there."""
        return self.samples.get(name, {}).get(key, 0.0)


WORKERS = "pixserve_workers_wanted"


def quantile(scrape: Scrape, histogram: str, share: float, **labels: str) -> float:
    """The value below which a share of a histogram's observations lie, as Prometheus' histogram_quantile guesses it.

    Args:
        scrape: of counts from zero, or an increase.
        histogram: its name, without `_bucket`.
        share: 0.99 for the p99.
        labels: which series; several are added up.

    Returns:
        NaN where nothing was observed; the highest bound where the value lies above.
    """
    buckets = scrape.by(f"{histogram}_bucket", "le", **labels)
    return _interpolated(sorted((float(bound), count) for bound, count in buckets.items()), share)


def _interpolated(buckets: Iterable[tuple[float, float]], share: float) -> float:
    cumulative = list(buckets)
    if not cumulative or not cumulative[-1][1]:
        return math.nan
    rank = share * cumulative[-1][1]
    below_bound, below = 0.0, 0.0
    for bound, count in cumulative:
        if count >= rank:
            if math.isinf(bound):
                return below_bound
            return below_bound + (bound - below_bound) * (rank - below) / (count - below)
        below_bound, below = bound, count
    return below_bound


def _increase(before: float, now: float) -> float:
    return now - before if now >= before else now
