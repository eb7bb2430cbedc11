"""Load a server with wrk, and count how many answers were right."""

import json
import math
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.request_formats import RequestFormat
from benchmarks.running import RunningServer
from benchmarks.uploads import Upload

SCRIPT = Path(__file__).with_name("wrk.lua")
MAX_THREADS = 64  # up to here each connection has a thread of its own, which knows what it waits for


@dataclass(frozen=True)
class Load:
    """What one run of wrk found. Only right answers count as throughput.

    `wrong` answers name a class that is not expected, `refused` are 503, `failed` any other status; `unexpected` is
    the first answer of those three kinds.
    """

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    right: int
    wrong: int
    refused: int
    failed: int
    socket_errors: int
    timeouts: int
    unexpected: str | None = None

    @property
    def errors(self) -> int:
        """Everything but right answers."""
        return self.wrong + self.refused + self.failed + self.socket_errors + self.timeouts

    @classmethod
    def parse(cls, output: str, *, unexpected: str | None = None) -> "Load":
        """Read what wrk.lua writes on the last line of wrk's output.

        Raises:
            BenchmarkError: there is no such line.
        """
        try:
            found = json.loads(output.splitlines()[-1])
        except (IndexError, ValueError) as fault:
            raise BenchmarkError(f"wrk said {output.strip()!r}; expected counts as JSON on its last line") from fault
        duration_us, p50_us, p99_us = (found.pop(name) for name in ("duration_us", "p50_us", "p99_us"))
        return cls(
            requests_per_s=found["right"] / (duration_us / 1e6),
            p50_ms=p50_us / 1e3,
            p99_ms=p99_us / 1e3,
            unexpected=unexpected,
            **found,
        )


def run_wrk(
    server: RunningServer, uploads: Sequence[Upload], *, connections: int, seconds: float, timeout_s: int = 30
) -> Load:
    """Send images over so many connections for some seconds; each connection sends when it has its answer.

    Raises:
        BenchmarkError: wrk is not installed, or it failed.
    """
    if shutil.which("wrk") is None:
        raise BenchmarkError("the load tool wrk is not installed; `apt-get install wrk` brings it")
    raise_open_file_limit(connections)
    threads = thread_count(connections)
    with tempfile.TemporaryDirectory(prefix="wrk-") as scratch:
        folder = Path(scratch)
        write_requests(folder, uploads, threads=threads, request_format=server.request_format)
        options = [f"-t{threads}", f"-c{connections}", f"-d{math.ceil(seconds)}s", f"--timeout={timeout_s}s"]
        headers = [f"-H{name}: {value}" for name, value in server.request_format.headers.items()]
        arguments = [scratch, str(connections // threads)]
        command = ["wrk", *options, *headers, "-s", str(SCRIPT), server.url, "--", *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise BenchmarkError(f"wrk failed on {server.url}: {(done.stderr or done.stdout).strip()}")
        first = next((path.read_text(errors="replace") for path in sorted(folder.glob("unexpected-*.txt"))), None)
        return Load.parse(done.stdout, unexpected=first)


def thread_count(connections: int) -> int:
    """The most threads, up to `MAX_THREADS`, that all have the same number of connections."""
    return next(threads for threads in range(min(MAX_THREADS, connections), 0, -1) if connections % threads == 0)


def write_requests(folder: Path, uploads: Sequence[Upload], *, threads: int, request_format: RequestFormat) -> None:
    """Write the body of each request, and for each thread the list that wrk.lua reads.

    The uploads are shared out to the threads; each thread gets some, if need be the same as another.
    """
    for index, upload in enumerate(uploads):
        (folder / f"{index}.body").write_bytes(request_format.encode(upload.jpeg))
    for thread in range(threads):
        own = range(thread % len(uploads), len(uploads), threads)
        lines = [f"{','.join(map(str, sorted(uploads[index].expected)))} {folder}/{index}.body\n" for index in own]
        (folder / f"thread-{thread + 1}.txt").write_text("".join(lines))


def raise_open_file_limit(connections: int) -> None:
    """Raise the limit of open files of this process and its children, servers among them.

    Raises:
        BenchmarkError: the system's hard limit is too low.
    """
    needed = 2 * connections + 512
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard not in (resource.RLIM_INFINITY,) and hard < needed:
        raise BenchmarkError(f"{connections} connections need {needed} open files; the hard limit is {hard}")
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
