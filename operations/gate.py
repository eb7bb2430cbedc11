"""The gate: the same labelled pictures through the old and the new version, side by side."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from operations.labelled_images import LabelledPicture
from operations.latency import percentile_ms
from pixserve.errors import ClientError
from pixserve.inference import InferenceClient
from pixserve.records import Prediction

CONCURRENCY = 2  # live traffic comes first
LEAST_CALLS = 300  # a version; fewer pictures are sent more than once, for a p99 that means something
SLACK_MS = 5.0  # a p99 this little above the old one is noise, whatever the factor


@dataclass(frozen=True)
class Limits:
    """How much worse the new version may be.

    Args:
        accuracy_margin: by how much its accuracy may be lower, as a share of the pictures.
        p99_factor: how many times as long its slowest percent may take.
    """

    accuracy_margin: float = 0.01
    p99_factor: float = 2.0


@dataclass(frozen=True)
class Call:
    """One picture through one version: the answer or the error, and how long it took."""

    picture: LabelledPicture
    outcome: Prediction | ClientError
    latency_s: float

    @property
    def class_name(self) -> str | None:
        """The class that was answered, if one was."""
        return self.outcome.best.name if isinstance(self.outcome, Prediction) else None


@dataclass(frozen=True)
class Side:
    """What one version made of the pictures."""

    version: str
    calls: tuple[Call, ...]

    @property
    def failed(self) -> list[Call]:
        """The calls that no prediction came of."""
        return [call for call in self.calls if call.class_name is None]

    @property
    def accuracy(self) -> float:
        """The share of all calls that named the right class."""
        return sum(call.class_name == call.picture.class_name for call in self.calls) / len(self.calls)

    def percentile_ms(self, share: float) -> float:
        """The latency that a share of the answered calls stayed within."""
        return percentile_ms([call.latency_s for call in self.calls if call.class_name is not None], share)


@dataclass(frozen=True)
class Verdict:
    """The old version and the new one, and why the new one is refused; no reason means that it is not."""

    old: Side
    new: Side
    limits: Limits
    reasons: tuple[str, ...]

    @property
    def agreement(self) -> float:
        """The share of calls that both versions answered with the same class."""
        pairs = zip(self.old.calls, self.new.calls, strict=True)
        return sum(old.class_name == new.class_name is not None for old, new in pairs) / len(self.old.calls)


def compare(
    client: InferenceClient,
    pictures: Sequence[LabelledPicture],
    *,
    model: str,
    old: str,
    new: str,
    limits: Limits,
    advance: Callable[[float], None] = lambda share: None,
) -> Verdict:
    """Send each picture to both versions, first to one and then to the other in turn, and judge.

    Args:
        pictures: at least one.
        advance: called after each picture with the share that is done.
    """
    calls_each = -(-LEAST_CALLS // len(pictures)) * len(pictures)
    stop = threading.Event()

    def both(index: int) -> tuple[Call, Call]:
        picture = pictures[index % len(pictures)]
        order = (old, new) if index % 2 else (new, old)
        calls = {version: _call(client, picture, model, version) for version in order if not stop.is_set()}
        advance((index + 1) / calls_each)
        return calls[old], calls[new]

    with ThreadPoolExecutor(CONCURRENCY) as pool:
        try:
            pairs = list(pool.map(both, range(calls_each)))
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    sides = Side(old, tuple(pair[0] for pair in pairs)), Side(new, tuple(pair[1] for pair in pairs))
    return Verdict(*sides, limits, tuple(reasons_to_refuse(*sides, limits)))


def _call(client: InferenceClient, picture: LabelledPicture, model: str, version: str) -> Call:
    data = picture.path.read_bytes()
    start_s = time.perf_counter()
    try:
        outcome: Prediction | ClientError = client.predict(data, model=model, version=version)
    except ClientError as fault:
        outcome = fault
    return Call(picture, outcome, time.perf_counter() - start_s)


def reasons_to_refuse(old: Side, new: Side, limits: Limits) -> Iterator[str]:
    """Say in a sentence each what makes the new version worse than the limits allow."""
    if new.failed:
        first = new.failed[0]
        yield f"{len(new.failed)} of {len(new.calls)} calls failed, first {first.picture.path.name}: {first.outcome}"
    if new.accuracy < old.accuracy - limits.accuracy_margin:
        yield (
            f"accuracy fell from {old.accuracy:.1%} to {new.accuracy:.1%}; "
            f"at most {limits.accuracy_margin:.1%} less is accepted"
        )
    slowest_ms, was_ms = new.percentile_ms(0.99), old.percentile_ms(0.99)
    if slowest_ms > max(limits.p99_factor * was_ms, was_ms + SLACK_MS):
        yield f"p99 grew from {was_ms:.1f} to {slowest_ms:.1f} ms; at most {limits.p99_factor:g} times is accepted"
