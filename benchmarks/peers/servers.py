"""How each peer is started: its own documented command, one thread a worker, in the peers' environment."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

import httpx

from benchmarks import processes
from benchmarks.errors import BenchmarkError
from benchmarks.peers import variables
from benchmarks.peers.environment import ENVIRONMENT
from benchmarks.pictures import generated
from benchmarks.running import Running
from serving.listeners import free_port
from serving.machine import this_machine
from serving.settings import PROJECT

START_TIMEOUT_S = 120

# What follows `python -m`, in words.
APPS = "benchmarks.peers"
FLASK = f"flask --app {APPS}.flask_app run --port {{port}}"
GUNICORN = f"gunicorn --workers {{workers}} --bind 127.0.0.1:{{port}} {APPS}.flask_app:app"
FASTAPI = f"uvicorn --workers {{workers}} --port {{port}} --no-access-log {APPS}.fastapi_app:app"
LITSERVE = f"{APPS}.litserve_app"
BENTOML = f"bentoml serve --host 127.0.0.1 --port {{port}} {APPS}.bentoml_app:Api"


def peer(command: str) -> Callable[[Path, str], AbstractContextManager[Running]]:
    """Return the context in which a peer runs, for a record and a precision."""

    @contextmanager
    def start(record: Path, precision: str) -> Iterator[Running]:
        port, workers = free_port(), this_machine().workers
        words = command.format(port=port, workers=workers).split()
        url = f"http://127.0.0.1:{port}/predict"
        with tempfile.TemporaryFile() as log:
            began = time.monotonic()
            process = subprocess.Popen(
                [ENVIRONMENT / "bin" / "python", "-m", *words],
                cwd=PROJECT,
                env=environment(record, precision, port=port, workers=workers),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                wait_for_answer(url, process, log=log)
                yield Running(url, process.pid, time.monotonic() - began)
            finally:
                processes.end(process.pid)
                process.wait()

    return start


def environment(record: Path, precision: str, *, port: int, workers: int) -> dict[str, str]:
    """Return what a peer's application reads, and one thread a worker."""
    return os.environ | {
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        variables.RECORD: str(record.resolve()),
        variables.PRECISION: precision,
        variables.WORKERS: str(workers),
        variables.PORT: str(port),
    }


def wait_for_answer(url: str, process: subprocess.Popen[bytes], *, log: BinaryIO) -> None:
    """Wait until a picture is answered.

    Raises:
        BenchmarkError: the server ended, or did not answer in time; the message holds the end of its output.
    """
    picture = next(generated(1))
    deadline = time.monotonic() + START_TIMEOUT_S
    while not answers(url, picture):
        if process.poll() is not None or time.monotonic() > deadline:
            log.seek(0)
            said = log.read().decode(errors="replace").strip()
            raise BenchmarkError(f"{url} does not answer; the server's last words:\n{said[-2000:]}")
        time.sleep(0.1)


def answers(url: str, picture: bytes) -> bool:
    """Whether a server answers a picture."""
    try:
        return httpx.post(url, files={"image": ("picture.jpg", picture, "image/jpeg")}, timeout=10).is_success
    except httpx.HTTPError:
        return False
