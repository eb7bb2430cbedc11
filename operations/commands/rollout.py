"""pixserve rollout: a new version, all the way, or not at all."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from operations import rollout as road
from operations.commands.versions import Archive, NewWorkers, archive_name
from operations.errors import GateRefusedError, NotLoadedError, RolledBackError, RolloutError
from operations.gate import Limits, Side, Verdict
from pixserve.commands.options import target_of
from pixserve.commands.output import Row, table_of

EXIT_REFUSED = 4
EXIT_ROLLED_BACK = 5
EXIT_INTERRUPTED = 130

Gate = Annotated[Path, typer.Option(help="Labelled pictures: a folder for each class.", show_default=False)]
Pictures = Annotated[int, typer.Option(help="How many of them are used at most.", min=1)]
Margin = Annotated[float, typer.Option(help="How much accuracy may fall, as a share.", min=0, max=1)]
Factor = Annotated[float, typer.Option(help="How many times as long the slowest percent may take.", min=1)]
Watch = Annotated[float, typer.Option(help="How long the new default is watched, in seconds.", min=0)]
Errors = Annotated[float, typer.Option(help="The share of errors accepted while it is watched.", min=0, max=1)]
Ready = Annotated[float, typer.Option(help="How long a worker may take to load, in seconds.", min=0)]


def rollout(
    context: typer.Context,
    archive: Archive,
    gate: Gate,
    workers: NewWorkers = None,
    pictures: Pictures = 500,
    accuracy_margin: Margin = 0.01,
    p99_factor: Factor = 2.0,
    watch: Watch = 30,
    max_errors: Errors = 0.01,
    ready_timeout: Ready = 60,
) -> None:
    """Register a version, load it, warm it up, compare it with the default, make it the default, watch it.

    Until the comparison is passed no request reaches it; if it is refused it is taken away again (exit code 4). If
    it fails while it is watched the old version is the default again (exit code 5). The old version stays, for
    `pixserve rollback`. Ctrl-C leaves the server as it was (exit code 130); repeating the command is safe.

    \b
    pixserve rollout model-store/cifar10-2.0.mar --gate data/test
    pixserve rollout cifar10-2.0.mar --gate data/test --accuracy-margin 0 --watch 120
    """
    target = target_of(context)
    connection = target.connect()
    plan = road.Plan(
        archive=archive_name(archive, connection),
        pictures=gate,
        workers=workers,
        most_pictures=pictures,
        limits=Limits(accuracy_margin, p99_factor),
        watch_s=watch,
        most_errors=max_errors,
        ready_timeout_s=ready_timeout,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(stderr=True)
    with Steps(console) as steps:
        try:
            outcome = road.Rollout(connection, model=target.model, plan=plan, progress=steps.progress).run()
        except RolloutError as fault:
            steps.close()
            if isinstance(fault, GateRefusedError):
                show_verdict(console, fault.verdict)
            print(f"error: {fault}", file=sys.stderr)
            raise typer.Exit(_exit_code(fault)) from fault
        except KeyboardInterrupt as stop:
            steps.close()
            print("interrupted: the server is as it was", file=sys.stderr)
            raise typer.Exit(EXIT_INTERRUPTED) from stop
    if outcome.verdict is None:
        console.print(f"{outcome.model} {outcome.new} is the default already", highlight=False)
        return
    show_verdict(console, outcome.verdict)
    console.print(
        f"{outcome.model} {outcome.new} is the default; {outcome.old} stays for `pixserve rollback`", highlight=False
    )


def show_verdict(console: Console, verdict: Verdict) -> None:
    """Draw the figures of both versions."""
    console.print(table_of(verdict_rows(verdict)))


def verdict_rows(verdict: Verdict) -> list[Row]:
    """A gate's figures: a line for the old version and one for the new."""
    return [_side_row(side, verdict) for side in (verdict.old, verdict.new)]


def _side_row(side: Side, verdict: Verdict) -> Row:
    return {
        "version": side.version,
        "calls": len(side.calls),
        "failed": len(side.failed),
        "accuracy": round(side.accuracy, 4),
        "agree": round(verdict.agreement, 4),
        "p50 ms": round(side.percentile_ms(0.5), 1),
        "p99 ms": round(side.percentile_ms(0.99), 1),
        "verdict": "" if side is verdict.old else ("refused" if verdict.reasons else "accepted"),
    }


def _exit_code(fault: RolloutError) -> int:
    if isinstance(fault, RolledBackError):
        return EXIT_ROLLED_BACK
    return EXIT_REFUSED if isinstance(fault, (GateRefusedError, NotLoadedError)) else 1


class Steps:
    """The steps of a rollout as lines, the present one with a bar where somebody sees it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (TextColumn("{task.description}"), BarColumn())
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("", total=1.0)
        self.progress = road.Progress(step=self._step, share=self._share)

    def __enter__(self) -> "Steps":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar away."""
        self._bar.stop()

    def _step(self, sentence: str) -> None:
        self._console.print(sentence, highlight=False)
        self._bar.update(self._task, completed=0, description=sentence)

    def _share(self, share: float) -> None:
        self._bar.update(self._task, completed=share)
