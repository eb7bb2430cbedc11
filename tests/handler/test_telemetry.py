"""A worker counts what it answers, a batch at a time, with the numbers of the library's own calls."""

from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Histogram
from ts.context import Context

from handler.image_handler import ImageHandler
from handler.tally import Tally
from handler.telemetry import BATCH_S, Telemetry
from tests.sample_pictures import GREEN, jpeg

MakeContext = Callable[..., Context]
REST = {"explain": "False", "url_path": ""}


@pytest.fixture
def handler(make_context: MakeContext) -> ImageHandler:
    handler = ImageHandler()
    handler.initialize(make_context())
    return handler


@pytest.fixture
def answer(handler: ImageHandler, make_context: MakeContext, with_rows: MakeContext) -> Callable[..., list[bytes]]:
    """Answers a batch given as rows and their headers."""
    context = make_context()

    def call(*rows: tuple[dict[str, Any], dict[str, Any]]) -> list[bytes]:
        return handler.handle([row for row, _ in rows], with_rows(context, *(headers for _, headers in rows)))

    return call


def samples(telemetry: Telemetry) -> dict[str, float]:
    """What was counted: sums and counts by name and the labels that vary."""
    found = {}
    for metric in telemetry.registry.collect():
        for sample in metric.samples:
            labels = {name: value for name, value in sample.labels.items() if name not in ("model", "version")}
            found[" ".join([sample.name, *(f"{name}={labels[name]}" for name in sorted(labels))])] = sample.value
    return found


def test_a_tally_says_what_the_librarys_own_observe_says() -> None:
    registry = CollectorRegistry()
    ours, theirs = (
        Histogram(name, "", ["a"], registry=registry, buckets=BATCH_S).labels("b") for name in ("ours", "theirs")
    )
    tally = Tally(ours)
    for value in (0.0, 0.00025, 0.00026, 0.3, 9.99, 10, 10.5, 1e6, 0.00025):
        tally.add(value)
        theirs.observe(value)
    tally.flush()
    tally.flush()
    assert ours._child_samples()[:-1] == theirs._child_samples()[:-1]
    assert ours._sum.get() == theirs._sum.get()


def test_each_row_is_counted_by_protocol_status_and_error(handler: ImageHandler, answer: Any) -> None:
    image = {"image": jpeg(GREEN)}
    answer((image, REST), (image, {}), ({"image": b"nonsense"}, REST), (image, REST))
    found = samples(handler.telemetry)
    assert found["pixserve_requests_total error= protocol=rest status=200"] == 2
    assert found["pixserve_requests_total error= protocol=grpc status=200"] == 1
    assert found["pixserve_requests_total error=NotAnImage protocol=rest status=415"] == 1
    assert found["pixserve_images_total network=Colours precision=fp32 stage=0"] == 3
    assert found["pixserve_decode_seconds_count"] == 3
    assert found["pixserve_image_bytes_total"] == 3 * len(jpeg(GREEN))
    assert found["pixserve_batch_images_sum"] == 3
    assert found["pixserve_batch_seconds_count"] == 1
    assert found["pixserve_requests_in_flight"] == 0


def test_a_batch_that_fails_is_counted_as_torchserve_answers_it(
    handler: ImageHandler, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(pixels: Any) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(handler.engine, "answer", fail)
    with pytest.raises(RuntimeError):
        answer(({"image": jpeg()}, REST), ({"image": b"nonsense"}, REST))
    found = samples(handler.telemetry)
    assert found["pixserve_requests_total error=RuntimeError protocol=rest status=503"] == 2
    assert "pixserve_requests_total error=NotAnImage protocol=rest status=415" not in found
    assert found["pixserve_requests_in_flight"] == 0


def test_a_description_for_the_management_api_is_no_request(handler: ImageHandler, answer: Any) -> None:
    answer(({}, {"describe": "True"}))
    assert not any(name.startswith("pixserve_requests_total") for name in samples(handler.telemetry))


@pytest.mark.parametrize("came", ["t=999.5", "999.5"])
def test_the_wait_is_known_where_a_gateway_wrote_when_a_request_came(
    handler: ImageHandler, answer: Any, came: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handler.telemetry.time.time", lambda: 1000.0)
    answer(({"image": jpeg()}, REST | {"X-Request-Start": came}))
    assert samples(handler.telemetry)["pixserve_queue_seconds_sum"] == 0.5


@pytest.mark.parametrize("came", ["nonsense", "", "t=", "nan", "inf", "-5", "t=1e300", "t=1000.5"])
def test_a_start_that_cannot_be_is_not_counted(
    handler: ImageHandler, answer: Any, came: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handler.telemetry.time.time", lambda: 1000.0)
    answer(({"image": jpeg()}, REST | {"x-request-start": came}))
    assert samples(handler.telemetry)["pixserve_queue_seconds_count"] == 0
