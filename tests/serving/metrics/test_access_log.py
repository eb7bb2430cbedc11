"""TorchServe's access log becomes counts, whatever a client writes into its URL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.metrics.access_log import AccessLog

REST = '/127.0.0.1:5 "POST /predictions/cifar10 HTTP/1.1" {} {}\n'
GRPC = '/127.0.0.1:5 "gRPC org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions HTTP/2.0" {} {}\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


@pytest.fixture
def log(path: Path) -> Iterator[AccessLog]:
    log = AccessLog(path)
    yield log
    log.close()


def write(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def counts(log: AccessLog) -> dict[tuple[str, str], float]:
    responses, _ = log.collect()
    found = {(sample.labels["protocol"], sample.labels["status"]): sample.value for sample in responses.samples}
    assert {("rest", "200"), ("rest", "500"), ("rest", "503"), ("grpc", "OK"), ("grpc", "INTERNAL")} <= set(found)
    return {key: value for key, value in found.items() if value}


def test_each_answer_is_counted_by_protocol_and_status(path: Path, log: AccessLog) -> None:
    assert counts(log) == {}
    write(path, REST.format(200, 3) * 3 + REST.format(503, 0) + GRPC.format(0, 2) + GRPC.format(13, 1))
    expected = {("rest", "200"): 3, ("rest", "503"): 1, ("grpc", "OK"): 1, ("grpc", "INTERNAL"): 1}
    assert counts(log) == expected
    assert counts(log) == expected


@pytest.mark.parametrize("path_of_call", ["/v1/models/m:predict", "/v2/models/m/versions/1.0/infer", "/explanations/m"])
def test_other_protocols_are_counted(path: Path, log: AccessLog, path_of_call: str) -> None:
    write(path, REST.replace("/predictions/cifar10", path_of_call).format(200, 3))
    assert counts(log) == {("rest", "200"): 1}


def test_calls_that_ask_for_no_answer_of_a_model_are_not_counted(path: Path, log: AccessLog) -> None:
    for call in ("GET /ping", "GET /models/cifar10?customized=true", "PUT /models/predictions/", "GET /v1/models/m"):
        write(path, f'127.0.0.1 "{call} HTTP/1.1" 200 1\n')
    write(path, GRPC.replace("Predictions", "Ping").format(0, 1))
    assert counts(log) == {}


@pytest.mark.parametrize("forged", ['" 503 9', '%0a"POST /predictions/x HTTP/1.1" 503 9', "gRPC", '"" 1 1 "'])
def test_a_url_cannot_forge_an_answer(path: Path, log: AccessLog, forged: str) -> None:
    write(path, REST.replace("cifar10", f"cifar10{forged}").format(200, 3))
    assert counts(log) == {("rest", "200"): 1}


def test_a_line_is_counted_once_it_is_whole(path: Path, log: AccessLog) -> None:
    line = REST.format(200, 12)
    write(path, line[:-2])
    assert counts(log) == {}
    write(path, line[-2:])
    assert counts(log) == {("rest", "200"): 1}


def test_what_was_written_around_a_rotation_is_counted_once(path: Path, log: AccessLog) -> None:
    write(path, REST.format(200, 1))
    log.read()
    write(path, REST.format(200, 1))
    path.rename(path.with_name("access-1.log"))
    log.read()
    write(path, REST.format(200, 1))
    assert counts(log) == {("rest", "200"): 3}


def test_what_an_earlier_server_has_written_does_not_count(path: Path) -> None:
    write(path, REST.format(200, 1))
    log = AccessLog(path)
    write(path, REST.format(500, 1))
    assert counts(log) == {("rest", "500"): 1}
    log.close()


def test_durations_are_buckets_in_seconds(path: Path, log: AccessLog) -> None:
    write(path, "".join(REST.format(200, ms) for ms in (0, 0, 1, 2, 9, 70_000)))
    _, durations = log.collect()
    buckets = {
        sample.labels["le"]: sample.value
        for sample in durations.samples
        if sample.name.endswith("_bucket") and sample.labels["protocol"] == "rest"
    }
    assert [buckets[bound] for bound in ("0.001", "0.002", "0.003", "0.007", "0.01", "60.0", "+Inf")] == [
        2, 3, 4, 4, 5, 5, 6,
    ]  # fmt: skip
    (total,) = (
        one.value for one in durations.samples if one.name.endswith("_sum") and one.labels["protocol"] == "rest"
    )
    assert total == pytest.approx(70.015)
