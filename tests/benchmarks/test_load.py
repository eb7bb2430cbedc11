"""The load tool's own judgement: a wrong answer is never counted as throughput."""

import http.server
import itertools
import shutil
import threading
from collections import deque
from collections.abc import Iterator
from typing import ClassVar

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.load import Load, run_wrk, thread_count, write_requests
from benchmarks.request_formats import MULTIPART, RAW, class_of
from benchmarks.running import RunningServer
from benchmarks.uploads import Upload, generated_images

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
UPLOADS = [Upload(jpeg, frozenset({index % 4})) for index, jpeg in enumerate(generated_images(128))]


class AnswersAlwaysThree(http.server.BaseHTTPRequestHandler):
    """Says class 3 to every image, but answers each tenth request with 503."""

    protocol_version = "HTTP/1.1"
    count = itertools.count(1)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(*(503, b"{}") if next(self.count) % 10 == 0 else (200, b'{"class":3}'))

    def answer(self, status: int, answer: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class AnswersRightly(AnswersAlwaysThree):
    """Answers each image with its class."""

    def do_POST(self) -> None:
        self.answer(200, self.body())

    def body(self) -> bytes:
        jpeg = self.rfile.read(int(self.headers["Content-Length"]))
        (upload,) = (upload for upload in UPLOADS if RAW.encode(upload.jpeg) == jpeg)
        return b'{"class": %d}' % min(upload.expected)


class AnswersTheOneBefore(AnswersRightly):
    """Gives each connection the answer to the image that came before on any connection."""

    before: ClassVar[deque[bytes]] = deque([b'{"class": 0}'])
    lock = threading.Lock()

    def do_POST(self) -> None:
        body = self.body()
        with self.lock:
            self.before.append(body)
            body = self.before.popleft()
        self.answer(200, body)


class PatientServer(http.server.ThreadingHTTPServer):
    """Keeps every connection waiting that comes at once; the library's own limit is five."""

    request_queue_size = 128


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    with PatientServer(("127.0.0.1", 0), getattr(request, "param", AnswersAlwaysThree)) as listening:
        threading.Thread(target=listening.serve_forever).start()
        yield RunningServer(f"http://127.0.0.1:{listening.server_port}/predict", 0, 0, RAW)
        listening.shutdown()


@needs_wrk
@pytest.mark.parametrize("connections", [4, 16, 128])
def test_a_server_that_answers_wrongly_is_caught_with_any_number_of_connections(server, connections):
    load = run_wrk(server, UPLOADS, connections=connections, seconds=1)
    assert load.right > 0
    assert load.wrong > load.right  # three of its four classes
    assert load.refused > 0
    assert load.errors >= load.wrong + load.refused
    assert load.unexpected is not None
    assert load.unexpected.startswith("expected class")


@needs_wrk
@pytest.mark.parametrize("server", [AnswersRightly], indirect=True)
@pytest.mark.parametrize("connections", [1, 16, 128])
def test_a_server_that_answers_rightly_makes_no_errors_with_any_number_of_connections(server, connections):
    load = run_wrk(server, UPLOADS, connections=connections, seconds=1)
    assert load.right > 0
    assert (load.errors, load.unexpected) == (0, None)


@needs_wrk
@pytest.mark.parametrize("server", [AnswersTheOneBefore], indirect=True)
@pytest.mark.parametrize("connections", [1, 16])
def test_answers_to_the_image_before_are_wrong(server, connections):
    load = run_wrk(server, UPLOADS, connections=connections, seconds=1)
    assert load.wrong > load.right  # one in four is right by chance


@needs_wrk
def test_right_answers_alone_are_throughput(server):
    threes = [upload for upload in UPLOADS if upload.expected == {3}]
    load = run_wrk(server, threes, connections=1, seconds=1)
    assert load.wrong == 0
    assert load.right == pytest.approx(9 * load.refused, abs=9)


@needs_wrk
def test_an_image_between_two_classes_may_be_answered_with_either(server):
    between = [Upload(upload.jpeg, frozenset({2, 3})) for upload in UPLOADS]
    assert run_wrk(server, between, connections=4, seconds=1).wrong == 0


@needs_wrk
def test_a_server_that_is_not_there_is_one_sentence():
    with pytest.raises(BenchmarkError, match="wrk failed on"):
        run_wrk(RunningServer("http://127.0.0.1:9/predict", 0, 0), UPLOADS, connections=1, seconds=1)


@pytest.mark.parametrize(("connections", "threads"), [(1, 1), (8, 8), (64, 64), (256, 64), (1000, 50)])
def test_every_thread_has_the_same_number_of_connections(connections, threads):
    assert thread_count(connections) == threads


@pytest.mark.parametrize("threads", [1, 8, 64])
def test_threads_share_all_images_out(tmp_path, threads):
    write_requests(tmp_path, UPLOADS, threads=threads, request_format=RAW)
    lists = [(tmp_path / f"thread-{number}.txt").read_text().splitlines() for number in range(1, threads + 1)]
    files = [line.split(" ", 1)[1] for lines in lists for line in lines]
    assert len(files) == len(set(files)) == len(UPLOADS)


def test_more_threads_than_images_send_some_images_twice(tmp_path):
    write_requests(tmp_path, UPLOADS[:3], threads=8, request_format=RAW)
    assert all((tmp_path / f"thread-{number}.txt").read_text() for number in range(1, 9))


def test_counts_that_wrk_does_not_give_are_an_error():
    with pytest.raises(BenchmarkError, match="expected counts as JSON"):
        Load.parse("Running 1s test\nRequests/sec: 12")


def test_a_form_holds_the_image_in_its_field():
    body = MULTIPART.encode(b"\xff\xd8 an image")
    assert b'name="image"' in body
    assert b"\r\n\r\n\xff\xd8 an image\r\n" in body


def test_the_class_is_the_first_that_an_answer_names():
    assert class_of('[{"class": 7, "probability": 0.9}, {"class": 2}]') == 7
    assert class_of("no such thing") is None
