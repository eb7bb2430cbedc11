"""The same job on Ray Data: an actor a core, each with a worker process of its own.

A chunk's part is written whole, under a name of its own, so a chunk that Ray repeats because a node or an actor died
replaces its part, and no row is lost or doubled. Input and output lie where every node sees them under the same path.
"""

import logging
import os
import pickle
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import ray
from ray.data import ActorPoolStrategy, DataContext
from ray.exceptions import RayError

from scoring.archive import Archive
from scoring.chunks import Chunk
from scoring.errors import ScoringError
from scoring.job import Job, Progress, Summary, run_with
from scoring.journal import Done, Journal
from scoring.messages import WorkerSettings
from scoring.workers import Workers

LOCAL = "local"


def run_on_ray(job: Job, journal: Journal, *, address: str, on_progress: Progress) -> Summary:
    """Score what the journal lacks, on the cluster at `address`, or on one of this machine alone where it is `local`.

    Raises:
        ScoringError: the cluster cannot be reached, or see `scoring.job.run_here`.
    """
    connect(job, address)
    settings = job.worker_settings(Path())  # each actor unpacks the archive for itself

    def score(chunks: Iterator[Chunk], before: int) -> Iterator[Done]:
        done_now = 0
        for done in _score(chunks, job, settings):
            done_now += done.images
            on_progress(before + done_now)
            yield done

    try:
        return run_with(score, job, journal, on_progress=on_progress)
    except RayError as fault:
        raise ScoringError(f"the job on Ray ended; --resume goes on from there: {fault}") from fault
    finally:
        ray.shutdown()


def connect(job: Job, address: str) -> None:
    """Connect to a cluster, or start one with as many cores as the job has processes.

    Raises:
        ScoringError: it cannot be reached.
    """
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "warning"}
    try:
        if address == LOCAL:
            ray.init(num_cpus=job.processes, include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except Exception as fault:  # ray.init raises a bare Exception where its processes do not start
        raise ScoringError(f"no Ray cluster at {address}: {fault}") from fault


def _score(chunks: Iterator[Chunk], job: Job, settings: WorkerSettings) -> Iterator[Done]:
    packed = [{"chunk": zlib.compress(pickle.dumps(chunk))} for chunk in chunks]
    if not packed:
        return
    context = DataContext.get_current()
    context.enable_progress_bars = False  # the job shows its own
    cores = max(1, int(ray.cluster_resources().get("CPU", 1)))  # type: ignore[no-untyped-call]
    scored = ray.data.from_items(packed, override_num_blocks=len(packed)).map_batches(
        ChunkScorer,
        fn_constructor_args=(str(job.archive.path.resolve()), job.archive.sha256, settings),
        batch_size=1,
        batch_format="pandas",
        num_cpus=1,
        compute=ActorPoolStrategy(size=min(cores, len(packed))),
    )
    for row in scored.iter_rows():
        yield Done(**pickle.loads(row["done"]))


class ChunkScorer:
    """Scores chunks in a worker process of its own: what kills that process does not kill the actor."""

    def __init__(self, archive: str, sha256: str, settings: WorkerSettings) -> None:
        read = Archive.read(Path(archive))
        if read.sha256 != sha256:
            raise ScoringError(f"{archive} is another file on {os.uname().nodename}; expected SHA-256 {sha256}")
        self._folder = tempfile.mkdtemp(prefix="pixserve-score-")
        model_dir = read.unpack(Path(self._folder)).resolve()
        self._workers = Workers(replace(settings, model_dir=model_dir), count=1, on_progress=lambda _: None)

    def __call__(self, batch: Any) -> dict[str, list[bytes]]:
        """Score the chunks of a batch; returns the journal's line of each."""
        chunks = iter([pickle.loads(zlib.decompress(packed)) for packed in batch["chunk"]])
        return {"done": [pickle.dumps(asdict(done)) for done in self._workers.score(chunks)]}

    def __del__(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
