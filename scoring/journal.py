"""What a job has done: its settings, and a line for each chunk whose part is on the disk.

A part without a line may be written again; a line without a part is not believed. So neither a crash between the two
nor a torn last line loses a row or writes one twice. Readers of tables pass over names that begin with `_`.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scoring.chunks import Chunk
from scoring.errors import OutputError, SourceError

JOB = "_job.json"
JOURNAL = "_journal.jsonl"
LOCK = "_lock"
SUMMARY = "_summary.json"
ANEW = "Score it anew, into another folder"


@dataclass(frozen=True)
class Done:
    """A chunk whose part is on the disk."""

    index: int
    fingerprint: str
    part: str
    images: int
    errors: dict[str, int]


class Journal:
    """The journal of an output folder. Made by `Journal.open`."""

    def __init__(self, folder: Path, done: dict[int, Done]) -> None:
        self.folder = folder
        self.done = done
        self._file = (folder / JOURNAL).open("a", encoding="utf-8")

    @classmethod
    @contextmanager
    def open(cls, folder: Path, settings: dict[str, Any], *, resume: bool) -> Iterator["Journal"]:
        """The journal of a new job, or of one that goes on; nobody else can open it meanwhile.

        Raises:
            OutputError: the folder holds something else, another job, or is in use.
        """
        _check(folder, settings, resume=resume)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / LOCK).open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as held:
                raise OutputError(f"another process writes to {folder}") from held
            if not (folder / JOB).exists():
                _write(folder / JOB, settings)
            for unfinished in folder.glob(".part-*"):  # of a process that was killed while it wrote
                unfinished.unlink()
            journal = cls(folder, read_journal(folder))
            try:
                yield journal
            finally:
                journal._file.close()

    def has(self, chunk: Chunk) -> bool:
        """Whether a chunk is done.

        Raises:
            SourceError: the part of that number is of other images: the input has changed.
        """
        done = self.done.get(chunk.index)
        if done and done.fingerprint != chunk.fingerprint:
            raise SourceError(f"the input has changed since the job began: {done.part} is of other images. {ANEW}")
        return done is not None

    def add(self, done: Done) -> None:
        """Note a chunk whose part is on the disk."""
        self._file.write(json.dumps(asdict(done)) + "\n")
        self._file.flush()
        self.done[done.index] = done

    def finish(self, summary: dict[str, Any]) -> None:
        """Say that the job is complete."""
        _write(self.folder / SUMMARY, summary)

    @property
    def parts(self) -> list[str]:
        """The names of all parts, in the order of the input."""
        return [self.done[index].part for index in sorted(self.done)]


def _check(folder: Path, settings: dict[str, Any], *, resume: bool) -> None:
    if not folder.exists() or (folder.is_dir() and all(path.name == LOCK for path in folder.iterdir())):
        return
    if not folder.is_dir():
        raise OutputError(f"{folder} is a file; expected a folder that is new or empty")
    if not (folder / JOB).exists():
        raise OutputError(f"{folder} holds other files; expected a folder that is new or empty")
    if not resume:
        raise OutputError(f"{folder} holds a job already: add --resume to go on with it, or name another folder")
    before = json.loads((folder / JOB).read_text(encoding="utf-8"))
    differing = [name for name in settings if settings[name] != before.get(name)]
    if differing:
        came = ", ".join(f"{name} is {settings[name]!r}, was {before.get(name)!r}" for name in differing)
        raise OutputError(
            f"the job in {folder} was begun otherwise ({came}): repeat its options, or name another folder"
        )


def read_journal(folder: Path) -> dict[int, Done]:
    """The chunks of an output folder that are done, by index."""
    path = folder / JOURNAL
    if not path.exists():
        return {}
    whole, _, torn = path.read_bytes().rpartition(b"\n")
    if torn:  # the process died while it wrote its last line
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size - len(torn))
    entries = [Done(**json.loads(line)) for line in whole.splitlines()]
    return {done.index: done for done in entries if (folder / done.part).exists()}


def _write(path: Path, facts: dict[str, Any]) -> None:
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    scratch.replace(path)
