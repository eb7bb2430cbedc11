"""The progress display of training: a bar with loss, accuracy, speed and time left, and a line an epoch."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class TrainingDisplay:
    """A context manager around one run; a quiet ``console`` shows nothing."""

    def __init__(self, console: Console, *, epochs: int, images: int) -> None:
        self._console = console
        self._epochs = epochs
        self._images = images
        self._progress = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            TextColumn("loss {task.fields[loss]:.3f}  accuracy {task.fields[accuracy]:6.2%}"),
            TextColumn("{task.fields[speed]:,.0f} images/s"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=console.quiet,
            transient=True,
        )
        self._task = self._progress.add_task("", total=epochs * images, epoch="", loss=0.0, accuracy=0.0, speed=0.0)

    def __enter__(self) -> "TrainingDisplay":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def update(self, *, epoch: int, seen: int, loss: float, accuracy: float, images_per_s: float) -> None:
        """Move the bar to ``seen`` images of ``epoch`` (1-based)."""
        self._progress.update(
            self._task,
            completed=(epoch - 1) * self._images + seen,
            epoch=f"{epoch}/{self._epochs}",
            loss=loss,
            accuracy=accuracy,
            speed=images_per_s,
        )

    def end_epoch(self, line: str) -> None:
        """Print one line that stays."""
        self._console.print(line, highlight=False)
