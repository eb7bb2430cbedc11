"""What users really got of a new default, beside what they got of the old version: judged by the service's metrics."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

from operations.errors import RolledBackError
from operations.scrape import Scrape, ScrapeError, quantile

REQUESTS, BATCHES = "pixserve_requests_total", "pixserve_batch_seconds"
LEAST_REQUESTS = 50  # of the new version, before its share of failures is judged
CONFIDENCE = 0.999  # one-sided, of a look; a watch looks once a second
SURE = NormalDist().inv_cdf(CONFIDENCE)


@dataclass(frozen=True)
class Answers:
    """What a version answered: requests, those it refused or failed, and the p99 of its batches in seconds."""

    requests: float
    not_answered: float
    p99_s: float

    @classmethod
    def of(cls, scrape: Scrape, *, model: str, version: str) -> "Answers":
        """Read it from a scrape."""
        statuses = scrape.by(REQUESTS, "status", model=model, version=version)
        requests = sum(statuses.values())
        p99_s = quantile(scrape, BATCHES, 0.99, model=model, version=version)
        return cls(requests, requests - statuses.get("200", 0.0), p99_s)

    @property
    def share(self) -> float:
        """The share of requests that were refused or failed."""
        return self.not_answered / self.requests if self.requests else 0.0


class RealTraffic:
    """Compares the new version's answers since now with the old version's since the server started.

    Args:
        scrape: returns the metrics of this moment.
        model: the model.
        old, new: the default version before and now.
        max_errors: how much greater the share of requests that are not answered may be.
    """

    def __init__(self, scrape: Callable[[], Scrape], *, model: str, old: str, new: str, max_errors: float) -> None:
        self._scrape = scrape
        self._model, self._new, self._old_version = model, new, old
        self._max_errors = max_errors
        self._before = scrape()
        self._old = Answers.of(self._before, model=model, version=old)

    def judge(self) -> str:
        """Return the figures in a sentence.

        Raises:
            RolledBackError: the new version surely refuses or fails a greater share of what users send.
            ScrapeError: the metrics cannot be had.
        """
        new = Answers.of(self._scrape().since(self._before), model=self._model, version=self._new)
        if new.requests >= LEAST_REQUESTS and _surely_more(self._old, new, by=self._max_errors):
            raise RolledBackError(
                f"as the default, {self._new} refused or failed {new.share:.1%} of {new.requests:.0f} real requests; "
                f"{self._old_version} did {self._old.share:.1%} of {self._old.requests:.0f}"
            )
        old = self._old
        return (
            f"{new.requests:.0f} requests, {new.share:.1%} refused or failed ({self._old_version}: "
            f"{old.share:.1%} of {old.requests:.0f}), p99 of a batch {_ms(new.p99_s)} ({_ms(old.p99_s)})"
        )


def traffic_judge(address: str | None, *, model: str, old: str, new: str, max_errors: float) -> Callable[[], str]:
    """Return what judges the real traffic from now on; where a server has no metrics, it says that nothing is judged.

    Args:
        address: of the metrics; None where they are off.
        model, old, new, max_errors: as `RealTraffic` takes them.
    """
    if address is None:
        return lambda: "not judged, the server was started without metrics"
    try:
        return RealTraffic(
            lambda: Scrape.of_address(address), model=model, old=old, new=new, max_errors=max_errors
        ).judge
    except ScrapeError as fault:
        reason = f"not judged, {fault}"
        return lambda: reason


def _surely_more(old: Answers, new: Answers, *, by: float) -> bool:
    """Whether the new share exceeds the old one by more than `by`, beyond chance (test of two proportions).

    Where the old version has answered nothing, its share counts as known: none.
    """
    excess = new.share - old.share - by
    if excess <= 0:
        return False
    pooled = (old.not_answered + new.not_answered) / (old.requests + new.requests)
    variance = pooled * (1 - pooled) * ((1 / old.requests if old.requests else 0) + 1 / new.requests)
    return excess > SURE * math.sqrt(variance)


def _ms(seconds: float) -> str:
    return "unknown" if math.isnan(seconds) else f"{seconds * 1000:.1f} ms"
