"""Every server of the comparison, by its short name, in the order of the table."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.classifier import PRECISIONS
from benchmarks.peers.servers import BENTOML, FASTAPI, FLASK, GUNICORN, LITSERVE, peer
from benchmarks.project import project
from benchmarks.running import Running


@dataclass(frozen=True)
class Contestant:
    """A server to compare; `start(record, precision)` is a context in which it runs, in one of its `precisions`."""

    title: str
    start: Callable[[Path, str], AbstractContextManager[Running]]
    precisions: tuple[str, ...] = PRECISIONS


CONTESTANTS = {
    "flask": Contestant("Flask, its own server", peer(FLASK)),
    "gunicorn": Contestant("Flask, gunicorn", peer(GUNICORN)),
    "fastapi": Contestant("FastAPI, uvicorn", peer(FASTAPI)),
    "litserve": Contestant("LitServe, batching", peer(LITSERVE)),
    "bentoml": Contestant("BentoML, adaptive batching", peer(BENTOML)),
    "project": Contestant("this project", project, (*PRECISIONS, "int8")),
}
