"""What a job and its worker processes tell each other."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from scoring.chunks import Chunk
from scoring.journal import Done


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """What a worker process is started with.

    Attributes:
        model_dir: the unpacked archive.
        output: the folder for the parts.
        form: their format.
        top_k: classes of each answer; the archive's own setting if None.
        class_names, version: of the model.
        root: what paths in tables are relative to; the working directory if None.
        readers: threads that read and decode ahead.
        threads: threads of the engine.
        directory: what other relative paths are relative to.
    """

    model_dir: Path
    output: Path
    form: str
    top_k: int | None
    class_names: tuple[str, ...]
    version: str
    root: Path | None
    readers: int
    threads: int
    directory: Path


@dataclass(frozen=True)
class Task:
    """A chunk to score.

    Attributes:
        careful: one image at a time, each announced: a worker died over this chunk before.
        lethal: images, by their number in the chunk, that workers died over; they are not read again.
    """

    chunk: Chunk
    careful: bool = False
    lethal: frozenset[int] = field(default_factory=frozenset)


class Ready(NamedTuple):
    """The model is loaded."""


class Progress(NamedTuple):
    """So many images more have been classified."""

    images: int


class At(NamedTuple):
    """A careful worker is about to read this image of its chunk."""

    image: int


class Failed(NamedTuple):
    """The worker cannot go on: one sentence, and a traceback where the fault is a riddle."""

    sentence: str
    traceback: str


Message = Ready | Progress | At | Failed | Done
