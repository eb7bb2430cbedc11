"""The clients against a real TorchServe: REST and gRPC give the same answers and errors."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from pixserve import ClientError, Connection, Endpoints, GrpcClient, Prediction, RestClient
from pixserve.errors import ArchiveNotFoundError, ModelNotFoundError, RequestTooLargeError, VersionNotFoundError
from pixserve.retries import NO_RETRIES
from serving.server import Server
from serving.settings import PROJECT
from tests import sample_pictures
from tests.conftest import CAT
from tests.two_versions import generated_images


def png_of(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("1", (width, height)).save(file, format="PNG")
    return file.getvalue()


BAD_IMAGES = {
    "EmptyImage": (b"", None),
    "MissingImage": (b'{"picture": ""}', None),
    "InvalidJson": (b"{]", None),
    "InvalidBase64": (b'{"image": "?"}', None),
    "InvalidTopK": (b"x", 99),
    "TooManyBytes": (b"\xff\xd8\xff" + bytes(10_000_001), None),
    "TooManyPixels": (png_of(6000, 5000), None),
    "NotAnImage": (b"hello", None),
    "UnsupportedImage": (b"%PDF-1.7", None),
    "DamagedImage": (CAT.read_bytes()[:2000], None),
    "TooComplexImage": (sample_pictures.jpeg_of_scans(100), None),
}


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[Connection]:
    with Connection(Endpoints.of_runtime_dir(server.settings.runtime_directory.path), retries=NO_RETRIES) as connection:
        yield connection


@pytest.fixture(scope="module")
def rest(connection: Connection) -> Iterator[RestClient]:
    with connection.rest() as client:
        yield client


@pytest.fixture(scope="module")
def grpc(connection: Connection) -> Iterator[GrpcClient]:
    with connection.grpc() as client:
        yield client


def fault(client: RestClient | GrpcClient, image: bytes, **options: object) -> ClientError:
    with pytest.raises(ClientError) as caught:
        client.predict(image, **options)  # type: ignore[arg-type]
    return caught.value


def test_both_clients_answer_a_thousand_images_alike(rest: RestClient, grpc: GrpcClient) -> None:
    images = generated_images(1000)
    # One at a time: in batches of other sizes the last digit of a probability may differ.
    answers = list(rest.predict_many(images, top_k=10, concurrency=1))
    assert answers == list(grpc.predict_many(images, top_k=10, concurrency=1))
    assert all(isinstance(answer, Prediction) for answer in answers)
    assert len({answer.best.name for answer in answers if isinstance(answer, Prediction)}) > 3


@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_every_error_of_the_handler_is_the_same_exception_over_rest_and_grpc(
    rest: RestClient, grpc: GrpcClient, kind: str
) -> None:
    image, top_k = BAD_IMAGES[kind]
    over_rest, over_grpc = (fault(client, image, top_k=top_k) for client in (rest, grpc))
    assert type(over_rest).__name__ == f"{kind}Error"
    assert (type(over_rest), over_rest.code, over_rest.kind) == (type(over_grpc), over_grpc.code, over_grpc.kind)


@pytest.mark.parametrize(
    ("options", "expected"), [({"model": "x"}, ModelNotFoundError), ({"version": "9"}, VersionNotFoundError)]
)
def test_what_is_not_registered_is_the_same_exception_over_rest_and_grpc(
    rest: RestClient, grpc: GrpcClient, options: dict[str, str], expected: type[ClientError]
) -> None:
    faults = [fault(client, b"x", **options) for client in (rest, grpc)]
    assert [(type(each), each.code) for each in faults] == [(expected, 404)] * 2


def test_more_bytes_than_torchserve_reads_are_refused_over_rest_and_grpc(rest: RestClient, grpc: GrpcClient) -> None:
    for client in (rest, grpc):
        assert isinstance(fault(client, bytes(21_000_000)), RequestTooLargeError)


def test_health_is_the_same_over_rest_and_grpc(rest: RestClient, grpc: GrpcClient) -> None:
    assert rest.health() == grpc.health()
    assert rest.health().healthy


def test_management_reads_what_there_is(connection: Connection) -> None:
    management = connection.management
    assert management.models() == ["cifar10"]
    (version,) = management.versions("cifar10")
    assert version == management.describe("cifar10")
    assert (version.is_default, version.is_ready, version.archive) == (True, True, "cifar10-1.0.mar")
    assert management.ask_worker("cifar10", "1.0")["pid"] in [worker.pid for worker in version.workers]


def test_an_archive_that_is_not_there_is_said_so(connection: Connection) -> None:
    with pytest.raises(ArchiveNotFoundError, match=r"holds no nothing\.mar"):
        connection.management.register("nothing.mar")


def command(server: Server, *arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    line = [
        sys.executable,
        "-m",
        "pixserve",
        "--runtime-dir",
        str(server.settings.runtime_directory.path),
        *map(str, arguments),
    ]
    return subprocess.run(line, input=stdin, capture_output=True, cwd=PROJECT, check=False)


def test_the_command_line_writes_a_json_document_for_each_image_into_a_pipe(server: Server, tmp_path: Path) -> None:
    for index, image in enumerate(generated_images(3)):
        (tmp_path / f"{index}.png").write_bytes(image)
    done = command(server, "predict", tmp_path, "--top", 2, "--grpc")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, b"")
    assert [(Path(each["file"]).name, len(each["top"])) for each in answers] == [(f"{i}.png", 2) for i in range(3)]


def test_the_command_line_reads_stdin_and_says_by_its_exit_code_that_an_image_failed(server: Server) -> None:
    done = command(server, "predict", CAT, "-", "--csv", stdin=b"no image")
    header, cat, stdin = done.stdout.decode().splitlines()
    assert (done.returncode, header) == (3, "file,class,probability,version,error")
    assert cat.endswith(",1.0,")
    assert stdin.startswith("-,,,,")


@pytest.mark.parametrize("arguments", [("retire", "1.0"), ("rollback",), ("promote", "9"), ("describe", "9")])
def test_a_command_that_cannot_be_done_is_one_sentence(server: Server, arguments: tuple[str, ...]) -> None:
    done = command(server, *arguments)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"error: ")
    assert done.stderr.count(b"\n") == 1
