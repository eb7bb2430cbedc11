"""What a gate found: the calls to both versions, their figures, and why the new version is refused."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from operations.latency import LatencyComparison, compare_latencies, percentile_ms
from pixserve.errors import ClientError
from pixserve.records import Prediction

SLACK_MS = 5.0  # a latency this little above the old one is accepted, whatever the factor


@dataclass(frozen=True)
class Limits:
    """How much worse the new version may be.

    Args:
        accuracy_margin: by how much its accuracy may be lower, as a share of the images.
        latency_factor: how many times as long its p50, p90 and p99 may be.
    """

    accuracy_margin: float = 0.01
    latency_factor: float = 2.0


@dataclass(frozen=True)
class Call:
    """One labelled image through one version.

    Args:
        file: the name of the image's file.
        label: its class, by the default version's name.
        outcome: the answer, or the error.
        answered: the class of the answer, by the default version's name; None where there is none.
        latency_s: how long it took.
    """

    file: str
    label: str
    outcome: Prediction | ClientError
    answered: str | None
    latency_s: float


@dataclass(frozen=True)
class Side:
    """One version's calls, in their order."""

    version: str
    calls: tuple[Call, ...]

    @property
    def failed(self) -> list[Call]:
        """The calls without a prediction."""
        return [call for call in self.calls if call.answered is None]

    @property
    def accuracy(self) -> float:
        """The share of all calls that were answered with the right class."""
        return sum(call.answered == call.label for call in self.calls) / len(self.calls)

    def percentile_ms(self, share: float) -> float:
        """The latency that a share of the answered calls stayed within."""
        return percentile_ms([call.latency_s for call in self.calls if call.answered is not None], share)


@dataclass(frozen=True)
class Verdict:
    """Both versions' calls, call by call the same images, and what is accepted."""

    old: Side
    new: Side
    limits: Limits

    @property
    def agreement(self) -> float:
        """The share of calls that both versions answered with the same class."""
        pairs = zip(self.old.calls, self.new.calls, strict=True)
        return sum(old.answered == new.answered is not None for old, new in pairs) / len(self.old.calls)

    @cached_property
    def latencies(self) -> list[LatencyComparison]:
        """The percentiles of the calls that both versions answered, compared."""
        pairs = zip(self.old.calls, self.new.calls, strict=True)
        both = [(old, new) for old, new in pairs if old.answered is not None and new.answered is not None]
        return compare_latencies([old.latency_s for old, _ in both], [new.latency_s for _, new in both])

    @cached_property
    def reasons(self) -> tuple[str, ...]:
        """A sentence for each limit that the new version breaks; none if it is accepted."""
        return tuple(self._reasons())

    @property
    def is_undecided(self) -> bool:
        """Whether the new version was measured too slow, but more calls must show whether that was chance."""
        factor = self.limits.latency_factor
        return not self.reasons and any(each.exceeds(factor, slack_ms=SLACK_MS) for each in self.latencies)

    def _reasons(self) -> Iterator[str]:
        if self.new.failed:
            first = self.new.failed[0]
            yield f"{len(self.new.failed)} of {len(self.new.calls)} calls failed, first {first.file}: {first.outcome}"
        if self.new.accuracy < self.old.accuracy - self.limits.accuracy_margin:
            yield (
                f"accuracy fell from {self.old.accuracy:.1%} to {self.new.accuracy:.1%}; "
                f"at most {self.limits.accuracy_margin:.1%} less is accepted"
            )
        factor = self.limits.latency_factor
        for each in self.latencies:
            if each.surely_exceeds(factor, slack_ms=SLACK_MS):
                yield (
                    f"{each.name} grew from {each.old_ms:.1f} to {each.new_ms:.1f} ms, {each.ratio_low:.1f} to "
                    f"{each.ratio_high:.1f} times as long with 99% confidence; at most {factor:g} times is accepted"
                )
                break  # the next percentiles say the same again
