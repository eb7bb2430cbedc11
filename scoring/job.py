"""A job on this machine: chunks go to worker processes, their parts into the output, a line each into the journal."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from time import monotonic
from typing import Any

from scoring.archive import Archive
from scoring.chunks import Chunk
from scoring.errors import SourceError
from scoring.journal import ANEW, Done, Journal
from scoring.messages import WorkerSettings
from scoring.sources.source import Source

MODEL_DIR = "_model"  # the unpacked archive, while a job runs
SETTINGS_FORMAT = 1

Progress = Callable[[int], Any]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is scored, by what, into what.

    Attributes:
        source: the input.
        output: the folder for the parts.
        archive: the model.
        form: the format of the parts.
        chunk: images a part.
        top_k: classes of each answer; the archive's own setting if None.
        processes: workers.
        threads: threads of the engine in each of them.
        readers: threads of each worker that read and decode ahead.
    """

    source: Source
    output: Path
    archive: Archive
    form: str = "parquet"
    chunk: int = 1000
    top_k: int | None = None
    processes: int = 1
    threads: int = 1
    readers: int = 2

    def settings(self) -> dict[str, Any]:
        """What decides the rows of the output, as JSON values; a job that goes on must have the same."""
        columns = self.source.columns
        return {
            "format": SETTINGS_FORMAT,
            "input": self.source.text,
            "columns": [columns.image, columns.key, columns.label] if columns else None,
            "root": str(self.source.root) if self.source.root else None,
            "labels": self.source.labels is not None,
            "model": self.archive.model,
            "version": self.archive.version,
            "archive_sha256": self.archive.sha256,
            "output_format": self.form,
            "chunk": self.chunk,
            "top_k": self.top_k,
        }

    def worker_settings(self, model_dir: Path) -> WorkerSettings:
        """What a worker is started with."""
        return WorkerSettings(
            model_dir=model_dir,
            output=self.output.resolve(),
            form=self.form,
            top_k=self.top_k,
            class_names=self.archive.class_names,
            version=self.archive.version,
            root=self.source.root,
            readers=self.readers,
            threads=self.threads,
            directory=Path.cwd(),
        )


@dataclass(frozen=True)
class Summary:
    """What a completed job has done: images, images by type of error, seconds of this run, images of this run."""

    images: int
    errors: dict[str, int]
    seconds: float
    scored_now: int
    passed_over: int

    def to_json(self) -> dict[str, Any]:
        """The summary as JSON values."""
        failed = sum(self.errors.values())
        rate = self.scored_now / self.seconds if self.seconds else 0.0
        return {
            "images": self.images,
            "classified": self.images - failed,
            "errors": self.errors,
            "seconds": round(self.seconds, 1),
            "images_per_s": round(rate, 1),
        }


def run_here(job: Job, journal: Journal, *, on_progress: Progress) -> Summary:
    """Score what the journal lacks, on this machine.

    Args:
        on_progress: called with the number of images that are done.

    Raises:
        ScoringError: see `scoring.errors`; what is done stays, and a journal that is opened again goes on from there.
    """
    from scoring.workers import Workers

    model_dir = job.output / MODEL_DIR
    shutil.rmtree(model_dir, ignore_errors=True)  # of a job that was killed
    settings = job.worker_settings(job.archive.unpack(model_dir).resolve())

    def score(chunks: Iterator[Chunk], before: int) -> Iterator[Done]:
        if (first := next(chunks, None)) is None:
            return  # there is nothing to start workers for
        chunks = chain([first], chunks)
        with Workers(settings, count=job.processes, on_progress=lambda now: on_progress(before + now)) as workers:
            yield from workers.score(chunks)

    try:
        return run_with(score, job, journal, on_progress=on_progress)
    finally:
        shutil.rmtree(model_dir, ignore_errors=True)


def run_with(
    score: Callable[[Iterator[Chunk], int], Iterator[Done]], job: Job, journal: Journal, *, on_progress: Progress
) -> Summary:
    """Score what the journal lacks by `score`, which gets the chunks and the number of images done before."""
    began_s = monotonic()
    before = sum(done.images for done in journal.done.values())
    on_progress(before)
    listed = now = 0

    def left() -> Iterator[Chunk]:
        nonlocal listed
        for chunk in job.source.chunks(size=job.chunk):
            listed += 1
            if not journal.has(chunk):
                yield chunk

    for done in score(left(), before):
        journal.add(done)
        now += done.images
    if len(journal.done) > listed:
        raise SourceError(f"the input has changed since the job began: it had more images. {ANEW}")
    errors: dict[str, int] = {}
    for done in journal.done.values():
        for kind, count in done.errors.items():
            errors[kind] = errors.get(kind, 0) + count
    images = sum(done.images for done in journal.done.values())
    summary = Summary(images, errors, monotonic() - began_s, now, job.source.passed_over.files)
    journal.finish(summary.to_json())
    return summary
