"""Both clients against small real servers: what is sent, what is repeated, and what each answer becomes."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pixserve import ClientError, GrpcClient, RestClient, Retries
from pixserve.errors import (
    DamagedImageError,
    QueueFullError,
    TimedOutError,
    UnauthorizedError,
    UnexpectedAnswerError,
    UnreachableError,
    WorkerDiedError,
)
from pixserve.management import ManagementClient
from pixserve.retries import NO_RETRIES
from pixserve.tokens import Tokens
from tests.pixserve.small_servers import ANSWER, DAMAGED, Reply, grpc_server, rest_server

QUICK = Retries(attempts=3, first_wait_s=0.001, longest_wait_s=0.002)


@pytest.fixture(params=["REST", "gRPC"])
def connect(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Make a client of either kind whose server answers with `reply`."""
    servers = []

    def open_client(reply: Reply, **options: Any) -> RestClient | GrpcClient:
        server = rest_server(reply) if request.param == "REST" else grpc_server(reply)
        servers.append(server)
        kind = RestClient if request.param == "REST" else GrpcClient
        return kind(server.__enter__(), **{"retries": NO_RETRIES} | options)

    yield open_client
    for server in servers:
        server.__exit__(None, None, None)


def test_bytes_a_path_and_a_pillow_image_are_the_same_image(connect: Callable[..., Any], tmp_path: Path) -> None:
    seen: list[bytes] = []
    image = Image.new("RGB", (4, 4), "red")
    file = io.BytesIO()
    image.save(file, format="PNG")
    (tmp_path / "red.png").write_bytes(file.getvalue())
    with connect(lambda body, _: (seen.append(body), (200, ANSWER))[1]) as client:
        best = [client.predict(kind).best.name for kind in (file.getvalue(), tmp_path / "red.png", image)]
    assert best == ["cat"] * 3
    assert set(seen) == {file.getvalue()}


def test_an_error_of_the_handler_is_raised_whatever_the_status_of_the_answer(connect: Callable[..., Any]) -> None:
    with connect(lambda *_: (422, DAMAGED)) as client, pytest.raises(DamagedImageError, match="cut short") as caught:
        client.predict(b"x")
    assert (caught.value.code, caught.value.kind) == (422, "DamagedImage")


def test_many_images_are_answered_in_their_order_each_failure_in_its_place(connect: Callable[..., Any]) -> None:
    def reply(body: bytes, _: object) -> tuple[int, str]:
        return (422, DAMAGED) if body == b"3" else (200, ANSWER.replace("1.0", body.decode()))

    with connect(reply) as client:
        outcomes = list(client.predict_many((str(index).encode() for index in range(9)), concurrency=4))
    assert isinstance(outcomes.pop(3), DamagedImageError)
    assert [outcome.model_version for outcome in outcomes] == ["0", "1", "2", "4", "5", "6", "7", "8"]


def test_no_more_images_are_read_than_are_being_sent(connect: Callable[..., Any]) -> None:
    read: list[int] = []
    endless = (read.append(index) or b"x" for index in iter(lambda: len(read), -1))
    with connect(lambda *_: (200, ANSWER)) as client:
        answers = client.predict_many(endless, concurrency=3)
        next(answers)
        answers.close()
    assert len(read) == 3


def test_a_prediction_is_asked_for_again_after_its_worker_died(connect: Callable[..., Any]) -> None:
    dead = '{"code": 500, "type": "InternalServerException", "message": "Worker died."}'
    replies = [(500, dead), (500, dead), (200, ANSWER)]
    with connect(lambda *_: replies.pop(0), retries=QUICK) as client:
        assert client.predict(b"x").best.name == "cat"


def test_the_last_error_is_raised_when_the_attempts_are_used_up(connect: Callable[..., Any]) -> None:
    calls: list[bytes] = []
    with (
        connect(lambda body, _: (calls.append(body), (500, "Worker died."))[1], retries=QUICK) as client,
        pytest.raises(WorkerDiedError),
    ):
        client.predict(b"x")
    assert len(calls) == 3


# What TorchServe says when two of its threads change one list; the call in the second is another, longer one.
RACES = [
    '{"code": 500, "type": "ConcurrentModificationException"}',
    json.dumps(
        {"code": 500, "type": "NullPointerException", "message": 'Cannot invoke "Job.x()" because "job" is null'}
    ),
]


@pytest.mark.parametrize("race", RACES)
def test_scaling_is_repeated_after_a_race_between_threads_of_torchserve(race: str) -> None:
    replies = [(500, race), (500, race), (202, '{"status": "scaling"}')]
    with rest_server(lambda *_: replies.pop(0)) as url, ManagementClient(url, retries=QUICK) as management:
        management.scale("cifar10", "2.0", workers=0)
    assert not replies


def test_scaling_is_not_repeated_where_its_outcome_is_unknown() -> None:
    replies = [(500, '{"code": 500, "type": "InternalServerException", "message": "Worker died."}'), (202, "{}")]
    with (
        rest_server(lambda *_: replies.pop(0)) as url,
        ManagementClient(url, retries=QUICK) as management,
        pytest.raises(WorkerDiedError),
    ):
        management.scale("cifar10", "2.0", workers=0)
    assert len(replies) == 1


def test_a_bad_image_is_not_sent_again(connect: Callable[..., Any]) -> None:
    calls: list[bytes] = []
    with (
        connect(lambda body, _: (calls.append(body), (422, DAMAGED))[1], retries=QUICK) as client,
        pytest.raises(DamagedImageError),
    ):
        client.predict(b"x")
    assert len(calls) == 1


def test_a_server_that_does_not_answer_in_time_is_given_up(connect: Callable[..., Any]) -> None:
    answer = threading.Event()
    with connect(lambda *_: (answer.wait(10), (200, ANSWER))[1], timeout_s=0.2) as client:
        with pytest.raises(TimedOutError) as caught:
            client.predict(b"x")
        answer.set()
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("body", ["", "no JSON", "[]", '{"top": []}', '{"predictions": []}'])
def test_an_answer_that_is_no_prediction_is_an_error_of_its_own(connect: Callable[..., Any], body: str) -> None:
    with connect(lambda *_: (200, body)) as client, pytest.raises(UnexpectedAnswerError):
        client.predict(b"x")


def test_a_closed_port_is_an_unreachable_server_with_the_cause_chained() -> None:
    for client in (RestClient("http://127.0.0.1:9", retries=NO_RETRIES), GrpcClient("127.0.0.1:9", retries=NO_RETRIES)):
        with client, pytest.raises(UnreachableError, match=":9") as caught:
            client.predict(b"x")
        assert caught.value.__cause__ is not None


def test_a_full_queue_is_told_apart_where_somebody_can_tell(connect: Callable[..., Any]) -> None:
    full = '{"code": 503, "type": "ServiceUnavailableException", "message": "Model has no worker to serve"}'

    def explain(model: str, version: str | None, fault: ClientError) -> QueueFullError:
        return QueueFullError(f"{model} {version} {fault.code}")

    with connect(lambda *_: (500, full), explain=explain) as client, pytest.raises(QueueFullError, match="cifar10 2"):
        client.predict(b"x", version="2.0")


def test_a_key_that_was_replaced_meanwhile_is_read_again(connect: Callable[..., Any], tmp_path: Path) -> None:
    key_file = tmp_path / "key_file.json"
    key_file.write_text('{"inference": {"key": "old"}}')
    refused = '{"code": 400, "type": "InvalidKeyException", "message": "Token Authorization failed."}'

    def reply(_: bytes, headers: dict[str, str]) -> tuple[int, str]:
        if headers["Authorization"] == "Bearer new":
            return 200, ANSWER
        key_file.write_text('{"inference": {"key": "new"}}')
        return 500, refused

    with connect(reply, tokens=Tokens(key_file, management="http://127.0.0.1:9")) as client:
        assert client.predict(b"x").best.name == "cat"


def test_a_key_file_that_is_just_being_written_is_read_once_it_is_whole(tmp_path: Path) -> None:
    key_file = tmp_path / "key_file.json"
    key_file.touch()  # as TorchServe leaves it for a moment
    threading.Timer(0.2, key_file.write_text, ['{"inference": {"key": "new"}}']).start()
    assert Tokens(key_file, management="http://127.0.0.1:9").key("inference") == "new"


def test_a_wrong_key_is_not_tried_for_ever(connect: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "key_file.json").write_text('{"inference": {"key": "old"}}')
    tokens = Tokens(tmp_path / "key_file.json", management="http://127.0.0.1:9")
    with (
        connect(lambda *_: (500, "Token Authorization failed."), tokens=tokens) as client,
        pytest.raises(UnauthorizedError),
    ):
        client.predict(b"x")
