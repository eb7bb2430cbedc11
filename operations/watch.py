"""The watch: the new default is called again and again for a while, in turn with the old version."""

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from operations.errors import RolledBackError
from operations.labelled_images import LabelledImage
from operations.latency import compare_latencies, percentile_ms
from pixserve.errors import ClientError
from pixserve.inference import InferenceClient

PROBE_EVERY_S = 0.05
LEAST_PROBES = 20  # before a share of errors is judged, but at the end
JUDGE_LATENCY_EVERY = 100  # probes; a bootstrap takes a tenth of a second
JUDGE_TRAFFIC_EVERY_S = 1.0
SLACK_MS = 20.0  # what the new default may take longer, whatever the factor


@dataclass
class Probes:
    """What was seen so far: the errors of the new default, and the latencies of both versions where both answered."""

    count: int = 0
    errors: list[str] = field(default_factory=list)
    old_s: list[float] = field(default_factory=list)
    new_s: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Watch:
    """What is accepted of a new default.

    Args:
        duration_s: how long it is watched.
        max_errors: the share of probes that may fail.
        latency_factor: how many times as long as the old version it may take, by p50, p90 and p99.
    """

    duration_s: float
    max_errors: float
    latency_factor: float

    def run(
        self,
        client: InferenceClient,
        images: Sequence[LabelledImage],
        *,
        model: str,
        old: str,
        new: str,
        judge_traffic: Callable[[], str] | None = None,
        asked: str | None = None,
        advance: Callable[[float], None] = lambda share: None,
    ) -> str:
        """Probe the default version as users call it, and the old one by name; return the figures in a sentence.

        Args:
            client: must not repeat failed calls (`NO_RETRIES`), or it hides the failures that users would see.
            judge_traffic: says in a sentence what users got; called once a second, and raises as this does.
            asked: the new version where it is no default yet and is asked by name; None for the default.
            advance: called with the share of the time that has passed.

        Raises:
            RolledBackError: the new default fails or is too slow; the message says how. The caller rolls back.
        """
        start_s = judged_s = time.monotonic()
        probes = Probes()
        subject = f"as the default, {new}" if asked is None else f"as a canary, {new}"
        for image in itertools.cycle(images):
            passed_s = time.monotonic() - start_s
            advance(min(1.0, passed_s / self.duration_s) if self.duration_s else 1.0)
            is_over = passed_s >= self.duration_s
            if is_over or probes.count >= LEAST_PROBES:
                self._judge_errors(probes, subject=subject)
            if is_over or probes.count % JUDGE_LATENCY_EVERY == 0:
                self._judge_latencies(probes, subject=subject)
            if judge_traffic and not is_over and time.monotonic() > judged_s + JUDGE_TRAFFIC_EVERY_S:
                judge_traffic()
                judged_s = time.monotonic()
            if is_over:
                break
            _probe(client, image, probes, model=model, old=old, new=new, asked=asked)
            time.sleep(PROBE_EVERY_S)
        p99_ms = percentile_ms(probes.new_s, 0.99)
        traffic = f"; all traffic: {judge_traffic()}" if judge_traffic else ""
        return f"{probes.count} probes, {len(probes.errors)} errors, p99 {p99_ms:.1f} ms{traffic}"

    def _judge_errors(self, probes: Probes, *, subject: str) -> None:
        failed = len(probes.errors)
        if failed > self.max_errors * probes.count:
            raise RolledBackError(f"{subject} failed {failed} of {probes.count} probes: {probes.errors[-1]}")

    def _judge_latencies(self, probes: Probes, *, subject: str) -> None:
        for each in compare_latencies(probes.old_s, probes.new_s):
            if each.surely_exceeds(self.latency_factor, slack_ms=SLACK_MS):
                raise RolledBackError(
                    f"{subject} has a {each.name} of {each.new_ms:.1f} ms, {each.ratio_low:.1f} to "
                    f"{each.ratio_high:.1f} times as long as before with 99% confidence; at most "
                    f"{self.latency_factor:g} times is accepted"
                )


def _probe(
    client: InferenceClient,
    image: LabelledImage,
    probes: Probes,
    *,
    model: str,
    old: str,
    new: str,
    asked: str | None,
) -> None:
    """Call the new version (`asked`, None where it is the default) and, in turn before or after it, the old one."""
    data = image.path.read_bytes()
    latencies_s: dict[str | None, float] = {}
    for version in (asked, old) if probes.count % 2 else (old, asked):
        start_s = time.perf_counter()
        try:
            answer = client.predict(data, model=model, version=version)
        except ClientError as fault:
            if version == asked:
                probes.errors.append(str(fault))
            continue
        latencies_s[version] = time.perf_counter() - start_s
        if version == asked and answer.model_version != new:
            probes.errors.append(f"version {answer.model_version} answered")
    probes.count += 1
    if len(latencies_s) == 2:
        probes.old_s.append(latencies_s[old])
        probes.new_s.append(latencies_s[asked])
