"""How far a job is: a bar with rate and time left on a terminal, a line a minute elsewhere."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from pixserve.commands.output import progress_display, say
from scoring.errors import ScoringError
from scoring.sources.source import Source

LINE_EVERY_S = 60


class RateColumn(ProgressColumn):
    """Images a second, over the last half a minute."""

    def render(self, task: Task) -> Text:
        """Draw it."""
        return Text("" if task.speed is None else f"{task.speed:,.0f} images/s")


class _Lines:
    """Says how far a job is, once a minute; for logs."""

    def __init__(self) -> None:
        self._began_s = self._said_s = monotonic()
        self._first: int | None = None

    def update(self, done: int, total: int | None) -> None:
        now_s = monotonic()
        if self._first is None:
            self._first = done
        if now_s - self._said_s < LINE_EVERY_S:
            return
        self._said_s = now_s
        rate = (done - self._first) / (now_s - self._began_s)
        left = f", {(total - done) / rate / 60:.0f} min left" if total and rate else ""
        say(f"{done:,} of {total:,} images" + f", {rate:,.0f} images/s{left}" if total else f"{done:,} images")


@contextmanager
def job_display(source: Source) -> Iterator[Callable[[int], None]]:
    """Show how far a job is; gives the function to be told how many images are done.

    How many there are is counted meanwhile: listing millions of files takes minutes.
    """
    stop = threading.Event()
    lines = _Lines()
    with progress_display(*_columns()) as progress:
        bar = progress.add_task("", total=None)
        counter = threading.Thread(target=_count, args=(source, progress, bar, stop), daemon=True)
        counter.start()

        def on_progress(done: int) -> None:
            progress.update(bar, completed=done)
            if progress.disable:
                total = progress.tasks[0].total
                lines.update(done, int(total) if total else None)

        try:
            yield on_progress
        finally:
            stop.set()
            counter.join()


def _columns() -> tuple[ProgressColumn, ...]:
    return (TextColumn("images"), BarColumn(), MofNCompleteColumn(), RateColumn(), TimeRemainingColumn())


def _count(source: Source, progress: Progress, bar: TaskID, stop: threading.Event) -> None:
    found = 0

    def add(images: int) -> None:
        nonlocal found
        found += images

    try:
        source.count(add, stop)
    except ScoringError:
        return  # the job meets the same fault, and says it
    progress.update(bar, total=found)
