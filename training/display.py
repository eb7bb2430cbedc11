"""What a person sees while training: a bar with loss, accuracy, speed and time left, and a line an epoch."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class TrainingDisplay:
    """A context manager around one run; ``quiet`` shows nothing, which every process but the first wants."""

    def __init__(self, console: Console, *, epochs: int, pictures: int, quiet: bool = False) -> None:
        self._console = console
        self._epochs = epochs
        self._pictures = pictures
        self._quiet = quiet
        self._progress = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            TextColumn("loss {task.fields[loss]:.3f}  accuracy {task.fields[accuracy]:6.2%}"),
            TextColumn("{task.fields[speed]:,.0f} pictures/s"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=quiet,
            transient=True,
        )
        self._task = self._progress.add_task("", total=epochs * pictures, epoch="", loss=0.0, accuracy=0.0, speed=0.0)

    def __enter__(self) -> "TrainingDisplay":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def update(self, *, epoch: int, seen: int, loss: float, accuracy: float, pictures_per_s: float) -> None:
        """Move the bar to ``seen`` pictures of ``epoch`` (1-based)."""
        self._progress.update(
            self._task,
            completed=(epoch - 1) * self._pictures + seen,
            epoch=f"{epoch}/{self._epochs}",
            loss=loss,
            accuracy=accuracy,
            speed=pictures_per_s,
        )

    def end_epoch(self, line: str) -> None:
        """Leave one line behind."""
        if not self._quiet:
            self._console.print(line, highlight=False)
