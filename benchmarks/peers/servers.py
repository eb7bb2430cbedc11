"""How a peer is started and stopped: its own command, one thread a worker, in its own environment."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO

import httpx

from benchmarks import processes
from benchmarks.errors import BenchmarkError
from benchmarks.peers import environment_variables as variables
from benchmarks.peers.environment import ENVIRONMENTS
from benchmarks.peers.settings import Peer
from benchmarks.request_formats import RequestFormat
from benchmarks.running import RunningServer
from benchmarks.uploads import generated_images
from serving.listeners import free_port
from serving.machine import this_machine
from serving.settings import PROJECT

START_TIMEOUT_S = 120


@contextmanager
def run_peer(peer: Peer, variables_of_network: Mapping[str, str]) -> Iterator[RunningServer]:
    """Run a peer that serves the network which these environment variables name.

    Raises:
        BenchmarkError: it does not answer.
    """
    port, workers = free_port(), this_machine().workers
    words = peer.command.format(port=port, workers=workers).split()
    url = f"http://127.0.0.1:{port}{peer.path}"
    with tempfile.TemporaryFile() as log, tempfile.TemporaryDirectory(prefix="peer-") as scratch:
        began = time.monotonic()
        process = subprocess.Popen(
            [ENVIRONMENTS[peer.environment].python, "-m", *words],
            cwd=PROJECT,
            env=one_thread()
            | dict(variables_of_network)
            | {variables.WORKERS: str(workers), variables.PORT: str(port), variables.SCRATCH: scratch},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            wait_for_answer(url, peer.request_format, process, log=log)
            yield RunningServer(url, process.pid, time.monotonic() - began, peer.request_format)
        finally:
            processes.end(process.pid)
            process.wait()


def one_thread() -> dict[str, str]:
    """The environment of a process that computes with one thread."""
    return os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def wait_for_answer(
    url: str, request_format: RequestFormat, process: subprocess.Popen[bytes], *, log: BinaryIO
) -> None:
    """Wait until an image is answered.

    Raises:
        BenchmarkError: the server ended, or did not answer in time; the message holds the end of its output.
    """
    image = next(generated_images(1))
    deadline = time.monotonic() + START_TIMEOUT_S
    while not answers(url, request_format, image):
        if process.poll() is not None or time.monotonic() > deadline:
            log.seek(0)
            output = log.read().decode(errors="replace").strip()
            raise BenchmarkError(f"{url} does not answer; the end of the server's output:\n{output[-2000:]}")
        time.sleep(0.1)


def answers(url: str, request_format: RequestFormat, image: bytes) -> bool:
    """Whether a server answers an image."""
    try:
        body, headers = request_format.encode(image), dict(request_format.headers)
        return httpx.post(url, content=body, headers=headers, timeout=10).is_success
    except httpx.HTTPError:
        return False
