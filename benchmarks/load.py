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
from benchmarks.pictures import Picture

SCRIPT = Path(__file__).with_name("wrk.lua")
MOST_THREADS = 8


@dataclass(frozen=True)
class Load:
    """What one run of wrk found. Only right answers count as throughput.

    `wrong` answers name another class than expected, `refused` are 503, `failed` any other status; `unexpected` is
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


def run_wrk(url: str, pictures: Sequence[Picture], *, connections: int, seconds: float, timeout_s: int = 30) -> Load:
    """Upload pictures over so many connections for some seconds, each as fast as it is answered.

    Raises:
        BenchmarkError: wrk is not installed, or it failed.
    """
    if shutil.which("wrk") is None:
        raise BenchmarkError("the load tool wrk is not installed; `apt-get install wrk` brings it")
    allow_connections(connections)
    threads = min(MOST_THREADS, connections)
    with tempfile.TemporaryDirectory(prefix="wrk-") as scratch:
        folder = Path(scratch)
        write_plans(folder, share_out(pictures, threads=threads, connections=connections))
        options = [f"-t{threads}", f"-c{connections}", f"-d{math.ceil(seconds)}s", f"--timeout={timeout_s}s"]
        command = ["wrk", *options, "-s", str(SCRIPT), url, "--", scratch]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise BenchmarkError(f"wrk failed on {url}: {(done.stderr or done.stdout).strip()}")
        first = next((path.read_text(errors="replace") for path in sorted(folder.glob("unexpected-*.txt"))), None)
        return Load.parse(done.stdout, unexpected=first)


def share_out(pictures: Sequence[Picture], *, threads: int, connections: int) -> list[list[Picture]]:
    """Return each thread's pictures: of one class where it has several connections, see wrk.lua."""
    if connections == threads:
        return [[*pictures[thread::threads]] for thread in range(threads)]
    classes = sorted({picture.expected for picture in pictures})
    chosen = [classes[thread % len(classes)] for thread in range(threads)]
    return [[picture for picture in pictures if picture.expected == expected] for expected in chosen]


def write_plans(folder: Path, plans: list[list[Picture]]) -> None:
    """Write the pictures, and for each thread the list that wrk.lua reads."""
    for thread, pictures in enumerate(plans, 1):
        lines = []
        for index, picture in enumerate(pictures):
            path = folder / f"{thread}-{index}.jpg"
            path.write_bytes(picture.jpeg)
            lines.append(f"{picture.expected} {path}\n")
        (folder / f"thread-{thread}.txt").write_text("".join(lines))


def allow_connections(connections: int) -> None:
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
