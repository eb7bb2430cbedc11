"""The bench's own judgement: a wrong answer is never counted as throughput, and tables say what was measured."""

import http.server
import itertools
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import pictures, processes
from benchmarks.errors import BenchmarkError
from benchmarks.grpc_load import Http2Load, field, framed, picture_of_one_size
from benchmarks.load import Load, run_wrk, share_out
from benchmarks.pictures import Picture
from benchmarks.table import END, START, between_markers, markdown
from benchmarks.turns import Plan, Turn, medians, one_round

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
UPLOADS = [Picture(jpeg, index % 4) for index, jpeg in enumerate(pictures.generated(16))]


class ThreeAlways(http.server.BaseHTTPRequestHandler):
    """Calls every picture class 3, but answers each tenth request with 503."""

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


class Echo(ThreeAlways):
    """Answers with what it got; of pictures that begin with `unsteady`, now and then a byte less."""

    def do_POST(self) -> None:
        picture = self.rfile.read(int(self.headers["Content-Length"]))
        shorter = picture.startswith(b"unsteady") and next(self.count) % 10 == 0
        self.answer(200, picture[:-1] if shorter else picture)


class PatientServer(http.server.ThreadingHTTPServer):
    """Keeps every connection waiting that comes at once; the library's own limit is five."""

    request_queue_size = 128


@pytest.fixture
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    with PatientServer(("127.0.0.1", 0), getattr(request, "param", ThreeAlways)) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/predict"
        server.shutdown()


@needs_wrk
@pytest.mark.parametrize("connections", [4, 16])
def test_a_server_that_answers_wrongly_is_caught_at_any_width(url, connections):
    load = run_wrk(url, UPLOADS, connections=connections, seconds=1)
    assert load.right > 0
    assert load.wrong > load.right  # three of its four classes
    assert load.refused > 0
    assert load.errors >= load.wrong + load.refused
    assert load.unexpected is not None
    assert load.unexpected.startswith("expected class")


@needs_wrk
def test_right_answers_alone_are_throughput(url):
    threes = [picture for picture in UPLOADS if picture.expected == 3]
    load = run_wrk(url, threes, connections=1, seconds=1)
    assert load.wrong == 0
    assert load.right == pytest.approx(9 * load.refused, abs=9)


@needs_wrk
def test_a_server_that_is_not_there_is_one_sentence():
    with pytest.raises(BenchmarkError, match="wrk failed on"):
        run_wrk("http://127.0.0.1:9/predict", UPLOADS, connections=1, seconds=1)


def test_a_thread_of_several_connections_sends_one_class():
    plans = share_out(UPLOADS, threads=8, connections=64)
    assert [len({picture.expected for picture in plan}) for plan in plans] == [1] * 8
    assert len({picture.jpeg for plan in plans for picture in plan}) == len(UPLOADS)


def test_threads_of_one_connection_share_all_pictures_out():
    plans = share_out(UPLOADS, threads=8, connections=8)
    assert sorted(picture.jpeg for plan in plans for picture in plan) == sorted(picture.jpeg for picture in UPLOADS)


def test_counts_that_wrk_does_not_give_are_an_error():
    with pytest.raises(BenchmarkError, match="expected counts as JSON"):
        Load.parse("Running 1s test\nRequests/sec: 12")


def test_generated_pictures_are_different_and_always_the_same():
    first, second = list(pictures.generated(200)), list(pictures.generated(200))
    assert first == second
    assert len(set(first)) == 200


def turn(requests_per_s: float, **counts: int) -> Turn:
    none = dict.fromkeys(("right", "wrong", "refused", "failed", "socket_errors", "timeouts"), 0)
    load = Load(requests_per_s=requests_per_s, p50_ms=1, p99_ms=2, **(none | counts))
    return Turn("project", "fp32", 8, load, cpu_ms_per_request=1, memory_mb=900, first_process_mb=400, start_s=5)


def test_rounds_become_medians_and_errors_their_sum():
    (row,) = medians([turn(100, wrong=1), turn(300), turn(120, wrong=2, timeouts=1)])
    assert (row["requests_per_s"], row["wrong"], row["timeouts"]) == (120, 3, 1)
    assert row["requests_per_s_of_each_round"] == [100, 300, 120]


def test_rows_go_from_the_narrowest_load_to_the_widest_whatever_was_measured_first():
    wide, narrow = turn(300), turn(100)
    assert [row["requests_per_s"] for row in medians([replace(wide, connections=64), narrow])] == [100, 300]


DOCUMENT: dict[str, Any] = {
    "record": "cifar10-1.0.json",
    "date": "2026-01-31",
    "hardware": {"processor": "A processor", "cores": 2},
    "plan": {"rounds": 3, "seconds": 8},
    "ceiling_pictures_per_s": {"fp32": 20650},
    "servers": medians([turn(7477.4, wrong=2, refused=1000)]),
}


def test_the_pages_table_says_throughput_and_every_kind_of_error():
    table = markdown(json.loads(json.dumps(DOCUMENT)))
    assert "A processor, 2 cores" in table
    assert "20,650/s (fp32)" in table
    assert "| **this project** | **7,477** | **1** | **2** | **2 wrong, 1,000 503** | **900** |" in table


def test_two_precisions_of_a_server_are_told_apart_one_after_the_other():
    rows = medians([replace(turn(100), server=server) for server in ("gunicorn", "project")])
    half = [row | {"precision": "bf16", "requests_per_s": 400.0} for row in rows]
    lines = markdown(DOCUMENT | {"servers": [rows[0], half[0], rows[1], half[1]]}).splitlines()[-4:]
    assert [line.split(" | ")[0] for line in lines] == [
        "| Flask, gunicorn, bf16",
        "| **this project, bf16**",
        "| Flask, gunicorn, fp32",
        "| **this project, fp32**",
    ]


def test_a_server_takes_no_turn_in_a_precision_that_it_cannot_compute_in():
    plan = Plan(servers=("gunicorn", "litserve"), connections=(1,), rounds=1, seconds=1, warm_up_s=1)
    assert list(one_round(plan, 0, Path("cifar10-2.0.json"), [], precision="int8")) == []


def test_what_concerns_the_project_alone_stands_below_the_table():
    grpc = {"in_flight": 64, "channels": 2, "grpc_requests_per_s": 4000.0, "times_rest": 1.14, "grpc_errors": 0}
    last = markdown(DOCUMENT | {"crowd": [DOCUMENT["servers"][0]], "grpc": [grpc]}).splitlines()[-2:]
    assert last == [
        "- 8 connections: 7,477 requests/s, errors: 2 wrong, 1,000 503.",
        "- gRPC, 64 calls in flight on 2 channels: 4,000 requests/s, 1.14 times REST's; errors: 0.",
    ]


def test_the_table_goes_between_the_markers_and_nowhere_else():
    assert between_markers(f"above\n{START}\nold\n{END}\nbelow", "new") == f"above\n{START}\nnew\n{END}\nbelow"


@pytest.mark.parametrize("page", ["none", START, f"{END} {START}"])
def test_a_page_without_markers_is_refused(page):
    with pytest.raises(BenchmarkError, match="in that order"):
        between_markers(page, "new")


def test_a_protobuf_message_is_framed_as_grpc_sends_it():
    assert field(3, bytes(200)) == b"\x1a\xc8\x01" + bytes(200)
    assert framed(b"abc") == b"\x00\x00\x00\x00\x03abc"


H2LOAD = """finished in 1.90s, 2635.46 req/s, 1.02MB/s
requests: 5000 total, 5000 started, 5000 done, 4990 succeeded, 10 failed, 4 errored, 2 timeout
traffic: 1.93MB (2024872) total, 20.05KB (20528) headers (space savings 95.05%), 1.76MB (1850000) data"""


@pytest.mark.parametrize("url", [Echo], indirect=True)
def test_the_picture_for_grpc_gets_answers_of_one_size(url):
    unsteady, steady = Picture(b"unsteady 1", 0), Picture(b"steady", 0)
    assert picture_of_one_size(url, [unsteady, steady]) == (steady, 6)
    with pytest.raises(BenchmarkError, match="none of 1 pictures gets answers of one size"):
        picture_of_one_size(url, [unsteady])


def test_h2loads_report_is_read():
    assert Http2Load.parse(H2LOAD) == Http2Load(2635.46, succeeded=4990, errors=10, body_bytes=1850000)


@pytest.fixture
def running():
    started = []

    def start(code: str) -> int:
        started.append(subprocess.Popen([sys.executable, "-c", code]))
        return started[-1].pid

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_server_still_busy_is_waited_for(running):
    pid = running("import time\nwhile time.process_time() < 1.5: pass\ntime.sleep(60)")
    processes.wait_for_rest(pid, timeout_s=30)
    assert processes.cpu_seconds(pid) > 1.4


def test_a_server_that_never_rests_is_not_waited_for_forever(running):
    processes.wait_for_rest(running("while True: pass"), timeout_s=0.6)
