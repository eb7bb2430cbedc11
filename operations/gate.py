"""The gate: the same labelled images through the old and the new version, in turn."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from operations.class_names import Renames
from operations.labelled_images import LabelledImage
from operations.verdict import Call, Limits, Side, Verdict
from pixserve.errors import ClientError
from pixserve.inference import InferenceClient
from pixserve.records import Prediction

CONCURRENCY = 2  # live traffic comes first
LEAST_CALLS = 300  # to each version in a pass; few images are sent more than once
MOST_PASSES = 3  # more are made only while it is undecided whether the new version is slower

Pair = tuple[Call, Call]


def compare(
    client: InferenceClient,
    images: Sequence[LabelledImage],
    *,
    model: str,
    old: str,
    new: str,
    limits: Limits,
    renames: Renames | None = None,
    advance: Callable[[float], None] = lambda share: None,
) -> Verdict:
    """Send each image to both versions, first to one and then to the other in turn, and judge.

    Args:
        client: must not repeat failed calls (`NO_RETRIES`), or it hides the failures that users would see.
        images: at least one.
        renames: what the new version calls classes of the old one.
        advance: called after each image with the share of the pass that is done.
    """
    pairs: list[Pair] = []
    for _ in range(MOST_PASSES):
        pairs += _one_pass(client, images, model=model, old=old, new=new, renames=renames or {}, advance=advance)
        sides = Side(old, tuple(pair[0] for pair in pairs)), Side(new, tuple(pair[1] for pair in pairs))
        verdict = Verdict(*sides, limits)
        if not verdict.is_undecided:
            break
    return verdict


def _one_pass(
    client: InferenceClient,
    images: Sequence[LabelledImage],
    *,
    model: str,
    old: str,
    new: str,
    renames: Renames,
    advance: Callable[[float], None],
) -> list[Pair]:
    calls_each = -(-LEAST_CALLS // len(images)) * len(images)
    stop = threading.Event()

    def call_both(index: int) -> Pair:
        image = images[index % len(images)]
        order = (old, new) if index % 2 else (new, old)
        calls = {version: _call(client, image, model, version, renames) for version in order if not stop.is_set()}
        advance((index + 1) / calls_each)
        return calls[old], calls[new]

    with ThreadPoolExecutor(CONCURRENCY) as pool:
        try:
            return list(pool.map(call_both, range(calls_each)))
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def _call(client: InferenceClient, image: LabelledImage, model: str, version: str, renames: Renames) -> Call:
    data = image.path.read_bytes()
    start_s = time.perf_counter()
    try:
        outcome: Prediction | ClientError = client.predict(data, model=model, version=version)
    except ClientError as fault:
        outcome = fault
    latency_s = time.perf_counter() - start_s
    name = outcome.best.name if isinstance(outcome, Prediction) else None
    return Call(image.path.name, image.label, outcome, name and renames.get(name, name), latency_s)
