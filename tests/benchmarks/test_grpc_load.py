"""gRPC's load: messages are framed as gRPC sends them, and answers are told apart by their size."""

import http.server
import itertools
import threading
from collections.abc import Iterator

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.grpc_load import Http2Load, field, framed, image_with_constant_answer_size
from benchmarks.request_formats import RAW
from benchmarks.running import RunningServer
from benchmarks.uploads import Upload

H2LOAD = """finished in 1.90s, 2635.46 req/s, 1.02MB/s
requests: 5000 total, 5000 started, 5000 done, 4990 succeeded, 10 failed, 4 errored, 2 timeout
traffic: 1.93MB (2024872) total, 20.05KB (20528) headers (space savings 95.05%), 1.76MB (1850000) data"""


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with what it got; of images that begin with `unsteady`, now and then a byte less."""

    protocol_version = "HTTP/1.1"
    count = itertools.count(1)

    def do_POST(self) -> None:
        image = self.rfile.read(int(self.headers["Content-Length"]))
        answer = image[:-1] if image.startswith(b"unsteady") and next(self.count) % 10 == 0 else image
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class PatientServer(http.server.ThreadingHTTPServer):
    request_queue_size = 128


@pytest.fixture
def server() -> Iterator[RunningServer]:
    with PatientServer(("127.0.0.1", 0), Echo) as listening:
        threading.Thread(target=listening.serve_forever).start()
        yield RunningServer(f"http://127.0.0.1:{listening.server_port}/predict", 0, 0, RAW)
        listening.shutdown()


def test_a_protobuf_message_is_framed_as_grpc_sends_it():
    assert field(3, bytes(200)) == b"\x1a\xc8\x01" + bytes(200)
    assert framed(b"abc") == b"\x00\x00\x00\x00\x03abc"


def test_the_image_for_grpc_gets_answers_of_one_size(server):
    unsteady, steady = Upload(b"unsteady 1", frozenset({0})), Upload(b"steady", frozenset({0}))
    assert image_with_constant_answer_size(server, [unsteady, steady]) == (steady, 6)
    with pytest.raises(BenchmarkError, match="none of 1 images gets answers of one size"):
        image_with_constant_answer_size(server, [unsteady])


def test_h2loads_report_is_read():
    assert Http2Load.parse(H2LOAD) == Http2Load(2635.46, succeeded=4990, errors=10, body_bytes=1850000)


def test_what_is_no_report_is_an_error():
    with pytest.raises(BenchmarkError, match="expected its report"):
        Http2Load.parse("connection refused")
