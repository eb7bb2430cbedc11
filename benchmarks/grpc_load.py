"""gRPC against REST on one server with the same number of requests in flight: wrk speaks no gRPC, h2load does.

h2load keeps no answers, so it sends one image and the answers are checked by their size: an error has another. Not
every image will do: the last decimals may depend on the batch that a row is in, and a decimal of zero is not written.
"""

import re
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.errors import BenchmarkError
from benchmarks.load import Load, run_wrk
from benchmarks.project import served
from benchmarks.rounds import rounded
from benchmarks.running import RunningServer
from benchmarks.uploads import Upload

METHOD = "/org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions"
IN_FLIGHT = 64
THREADS = 2  # of the load tool
CHANNELS = (THREADS, 8)  # one a thread, since gRPC's guide asks clients to reuse theirs; and as many as 8 clients have
PROBES = 512  # answers of one size that an image has to get before h2load sends it


@dataclass(frozen=True)
class Http2Load:
    """What one run of h2load found; `body_bytes` is the sum over all answers."""

    requests_per_s: float
    succeeded: int
    errors: int
    body_bytes: int

    @classmethod
    def parse(cls, output: str) -> "Http2Load":
        """Read h2load's report.

        Raises:
            BenchmarkError: it is not one.
        """
        rate = re.search(r"finished in .*?, ([\d.]+) req/s", output)
        counts = re.search(r"(\d+) succeeded, (\d+) failed", output)
        body = re.search(r"\((\d+)\) data", output)
        if not (rate and counts and body):
            raise BenchmarkError(f"h2load said {output.strip()!r}; expected its report")
        # `failed` counts every kind: other statuses, connection errors, time-outs (h2load(1), OUTPUT).
        return cls(float(rate[1]), succeeded=int(counts[1]), errors=int(counts[2]), body_bytes=int(body[1]))


def compare(
    record: Path, uploads: Sequence[Upload], *, rounds: int, seconds: float, warm_up_s: float
) -> list[dict[str, Any]]:
    """Requests a second over gRPC and over REST, 64 in flight, interleaved; and how many answers were wrong.

    One comparison for each number of channels that the calls share; REST has 64 connections, as its clients do. All
    send the same image, as often as REST answers it in those seconds; a round to warm up comes before.
    """
    grpc: dict[int, list[Http2Load]] = {channels: [] for channels in CHANNELS}
    rest: list[Load] = []
    with served(record) as (server, running), tempfile.TemporaryDirectory(prefix="h2load-") as scratch:
        model = running.url.rpartition("/")[2]
        upload, answer_bytes = image_with_constant_answer_size(running, uploads)
        call = Path(scratch) / "call"
        call.write_bytes(framed(field(1, model.encode()) + field(3, field(1, b"data") + field(2, upload.jpeg))))
        url = f"http://127.0.0.1:{server.settings.properties['grpc_inference_port']}{METHOD}"
        for load_s in (warm_up_s, *[seconds] * rounds):
            rest.append(run_wrk(running, [upload], connections=IN_FLIGHT, seconds=load_s))
            requests = max(IN_FLIGHT, round(rest[-1].requests_per_s * load_s))
            for channels, loads in grpc.items():
                loads.append(run_h2load(url, call, requests=requests, channels=channels))
    right_bytes = len(framed(field(1, bytes(answer_bytes))))
    return [_compared(loads, rest, right_bytes) | {"channels": channels} for channels, loads in grpc.items()]


def _compared(grpc: Sequence[Http2Load], rest: Sequence[Load], right_bytes: int) -> dict[str, Any]:
    """Medians without the first round, which is the warm-up; its errors count. A right answer has `right_bytes`."""
    grpc_rate = statistics.median(load.requests_per_s for load in grpc[1:])
    rest_rate = statistics.median(load.requests_per_s for load in rest[1:])
    wrong_loads = sum(load.body_bytes != right_bytes * load.succeeded for load in grpc)
    return {
        "in_flight": IN_FLIGHT,
        "grpc_requests_per_s": rounded(grpc_rate),
        "rest_requests_per_s": rounded(rest_rate),
        "times_rest": rounded(grpc_rate / rest_rate),
        "grpc_errors": sum(load.errors for load in grpc) + wrong_loads,
        "rest_errors": sum(load.errors for load in rest),
    }


def image_with_constant_answer_size(server: RunningServer, uploads: Sequence[Upload]) -> tuple[Upload, int]:
    """The first image whose answers have one size in whatever batch they are computed, and that size in bytes.

    Raises:
        BenchmarkError: there is none.
    """
    limits = httpx.Limits(max_connections=IN_FLIGHT)
    wanted = server.request_format
    with (
        httpx.Client(limits=limits, headers=dict(wanted.headers), timeout=30) as client,
        ThreadPoolExecutor(IN_FLIGHT) as threads,
    ):
        for upload in uploads:
            answers = threads.map(
                lambda body: client.post(server.url, content=body), [wanted.encode(upload.jpeg)] * PROBES
            )
            sizes = {len(answer.raise_for_status().content) for answer in answers}
            if len(sizes) == 1:
                return upload, sizes.pop()
    raise BenchmarkError(f"none of {len(uploads)} images gets answers of one size; expected one, to tell errors by")


def run_h2load(url: str, call: Path, *, requests: int, channels: int) -> Http2Load:
    """Make a call `requests` times over `channels` connections, `IN_FLIGHT` at once.

    Raises:
        BenchmarkError: h2load is not installed, or it failed.
    """
    if shutil.which("h2load") is None:
        raise BenchmarkError("the load tool h2load is not installed; `apt-get install nghttp2-client` brings it")
    headers = ["-Hcontent-type: application/grpc", "-Hte: trailers"]
    width = [f"-c{channels}", f"-m{IN_FLIGHT // channels}", f"-t{THREADS}"]
    command = ["h2load", f"-n{requests}", *width, *headers, f"-d{call}", url]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise BenchmarkError(f"h2load failed on {url}: {(done.stderr or done.stdout).strip()}")
    return Http2Load.parse(done.stdout)


def framed(message: bytes) -> bytes:
    """A message as gRPC sends it: a byte that says it is not compressed, its length, itself."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field of a protobuf message (wire type 2)."""
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def varint(value: int) -> bytes:
    """A number as protobuf writes it: seven bits a byte, lowest first."""
    head = b""
    while value > 0x7F:
        head += bytes([value & 0x7F | 0x80])
        value >>= 7
    return head + bytes([value])
