"""The ceiling: the handler's own decoding and a forward pass of 32, in one process a core, with no server at all."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.errors import BenchmarkError
from benchmarks.peers.servers import environment
from benchmarks.pictures import Picture
from serving.machine import this_machine
from serving.settings import PROJECT


def pictures_per_s(record: Path, precision: str, pictures: Sequence[Picture], *, seconds: float) -> float:
    """Return how many pictures a second all cores together decode and classify, rightly.

    Raises:
        BenchmarkError: a process failed, or named a wrong class.
    """
    with TemporaryDirectory(prefix="ceiling-") as scratch:
        for index, picture in enumerate(pictures):
            (Path(scratch) / f"{index:04}-{picture.expected}.jpg").write_bytes(picture.jpeg)
        workers = this_machine().workers
        variables = environment(record, precision, port=0, workers=workers)
        variables["PYTHONPATH"] = str(PROJECT / "handler")
        command = [sys.executable, "-m", "benchmarks.ceiling_worker", scratch, str(seconds)]
        running = [
            subprocess.Popen(command, cwd=PROJECT, env=variables, stdout=subprocess.PIPE, text=True)
            for _ in range(workers)
        ]
        outputs = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        raise BenchmarkError("a process of the ceiling failed; what it said stands above")
    return sum(map(float, outputs))
