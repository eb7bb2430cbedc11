"""The watch: the new default is asked again and again for a while, as its users ask it."""

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from operations.errors import RolledBackError
from operations.labelled_images import LabelledPicture
from operations.latency import percentile_ms
from pixserve.errors import ClientError
from pixserve.inference import InferenceClient

PROBE_EVERY_S = 0.05
LEAST_PROBES = 20  # before a share or a percentile is judged


@dataclass(frozen=True)
class Watch:
    """What is accepted of a new default.

    Args:
        duration_s: how long it is watched.
        most_errors: the share of probes that may fail.
        p99_ms: how long its slowest percent may take.
    """

    duration_s: float
    most_errors: float
    p99_ms: float

    def run(
        self,
        client: InferenceClient,
        pictures: Sequence[LabelledPicture],
        *,
        model: str,
        version: str,
        advance: Callable[[float], None] = lambda share: None,
    ) -> str:
        """Ask the default version, one picture after the other, and return a sentence with the figures.

        Args:
            advance: called with the share of the time that has passed.

        Raises:
            RolledBackError: it went wrong; the message says how. The caller goes back.
        """
        start_s = time.monotonic()
        latencies_s: list[float] = []
        errors: list[str] = []
        for picture in itertools.cycle(pictures):
            passed_s = time.monotonic() - start_s
            advance(min(1.0, passed_s / self.duration_s) if self.duration_s else 1.0)
            self._judge(latencies_s, errors, version=version)
            if passed_s >= self.duration_s:
                break
            self._probe(client, picture, latencies_s, errors, model=model, version=version)
            time.sleep(PROBE_EVERY_S)
        p99_ms = percentile_ms(latencies_s, 0.99)
        return f"{len(latencies_s)} probes, {len(errors)} errors, p99 {p99_ms:.1f} ms"

    def _probe(
        self,
        client: InferenceClient,
        picture: LabelledPicture,
        latencies_s: list[float],
        errors: list[str],
        *,
        model: str,
        version: str,
    ) -> None:
        start_s = time.perf_counter()
        try:
            answer = client.predict(picture.path, model=model)
            if answer.model_version != version:
                errors.append(f"version {answer.model_version} answered")
        except ClientError as fault:
            errors.append(str(fault))
        latencies_s.append(time.perf_counter() - start_s)

    def _judge(self, latencies_s: Sequence[float], errors: Sequence[str], *, version: str) -> None:
        probes = len(latencies_s)
        if probes < LEAST_PROBES:
            return
        if len(errors) > self.most_errors * probes:
            raise RolledBackError(f"as the default, {version} failed {len(errors)} of {probes} probes: {errors[-1]}")
        p99_ms = percentile_ms(latencies_s, 0.99)
        if probes >= 5 * LEAST_PROBES and p99_ms > self.p99_ms:
            raise RolledBackError(
                f"as the default, {version} has a p99 of {p99_ms:.1f} ms; at most {self.p99_ms:.1f} is accepted"
            )
