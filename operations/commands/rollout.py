"""pixserve rollout: a new version, all the way, or not at all."""

import signal
from pathlib import Path
from typing import Annotated, assert_never

import typer
from rich.console import Console
from rich.progress import BarColumn, TextColumn

from operations.commands.versions import Archive, NewWorkers, archive_name
from operations.errors import GateRefusedError, NotLoadedError, RolledBackError, RolloutError
from operations.events import Event, Phase, PhaseAdvanced, PhaseStarted, Remark
from operations.plan import Plan
from operations.rollout import Rollout
from operations.verdict import Limits, Side, Verdict
from pixserve.commands.options import target_of
from pixserve.commands.output import Row, progress_display, quantity, say, table_of

EXIT_REFUSED = 4
EXIT_ROLLED_BACK = 5
EXIT_INTERRUPTED = 130

Gate = Annotated[Path, typer.Option(help="Labelled images: a folder for each class.", show_default=False)]
ClassNames = Annotated[
    str | None,
    typer.Option(help="OTHER=CLASS,...: what the archive or the folders call classes of the default version."),
]
Images = Annotated[int, typer.Option(help="How many of the images are used at most.", min=1)]
Margin = Annotated[float, typer.Option(help="How much accuracy may fall, as a share.", min=0, max=1)]
Factor = Annotated[float, typer.Option(help="How many times as long p50, p90 and p99 may be.", min=1)]
WatchTime = Annotated[float, typer.Option("--watch", help="How long the new default is watched, in seconds.", min=0)]
Errors = Annotated[float, typer.Option(help="The share of errors accepted while it is watched.", min=0, max=1)]
Shares = Annotated[
    str | None,
    typer.Option(help="5,25,100: per cent of the gateway's requests that the new version gets first."),
]
CanaryTime = Annotated[float, typer.Option(help="How long each of these shares lasts, in seconds.", min=0)]
Ready = Annotated[float, typer.Option(help="How long a worker may take to load, in seconds.", min=0)]


def rollout(
    context: typer.Context,
    archive: Archive,
    gate: Gate,
    class_names: ClassNames = None,
    workers: NewWorkers = None,
    images: Images = 500,
    accuracy_margin: Margin = 0.01,
    latency_factor: Factor = 2.0,
    watch: WatchTime = 30,
    max_errors: Errors = 0.01,
    ready_timeout: Ready = 60,
    canary: Shares = None,
    canary_time: CanaryTime = 30,
) -> None:
    """Register a version, load it, warm it up, compare it with the default, make it the default, watch it.

    Until the comparison is passed no request reaches it; if it is refused it is unregistered again (exit code 4). If
    it fails while it is watched the old version is the default again (exit code 5). The old version stays, for
    `pixserve rollback`. Ctrl-C leaves the server as it was (exit code 130); repeating the command is safe.

    \b
    pixserve rollout model-store/cifar10-2.0.mar --gate data/test
    pixserve rollout cifar10-2.0.mar --gate data/test --class-names airplane=plane,automobile=car
    pixserve rollout cifar10-2.0.mar --gate data/test --accuracy-margin 0 --watch 120
    pixserve rollout cifar10-2.0.mar --gate data/test --canary 5,25,100
    """
    target = target_of(context)
    renames, shares = parse_class_names(class_names or ""), parse_shares(canary or "")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with target.connect() as connection:
        plan = Plan(
            archive=archive_name(archive, connection),
            images=gate,
            workers=workers,
            most_images=images,
            limits=Limits(accuracy_margin, latency_factor),
            watch_s=watch,
            max_errors=max_errors,
            ready_timeout_s=ready_timeout,
            class_names=renames,
            canary=shares,
            canary_s=canary_time,
        )
        with PhaseDisplay(plan) as display:
            try:
                outcome = Rollout(connection, model=target.model, plan=plan, listener=display.on_event).run()
            except RolloutError as fault:
                display.close()
                if isinstance(fault, GateRefusedError):
                    show_verdict(fault.verdict)
                say(f"error: {fault}")
                raise typer.Exit(_exit_code(fault)) from fault
            except KeyboardInterrupt as stop:
                display.close()
                say("interrupted: the server is as it was")
                raise typer.Exit(EXIT_INTERRUPTED) from stop
    if outcome.verdict is None:
        say(f"{outcome.model} {outcome.new} is the default already")
        return
    show_verdict(outcome.verdict)
    if plan.watch_s:
        say(f"watched: {outcome.watched}")
    say(f"{outcome.model} {outcome.new} is the default; {outcome.old} stays for `pixserve rollback`")


def parse_class_names(text: str) -> dict[str, str]:
    """Read `airplane=plane,automobile=car`: other names and the default version's names of the same classes.

    Raises:
        typer.BadParameter: it is written otherwise.
    """
    renames: dict[str, str] = {}
    for pair in filter(None, text.split(",")):
        other, equals, name = (part.strip() for part in pair.partition("="))
        if not (other and equals and name):
            raise typer.BadParameter(f"{pair!r} came; expected OTHER=CLASS, such as airplane=plane")
        renames[other] = name
    return renames


def parse_shares(text: str) -> tuple[float, ...]:
    """Read `5,25,100`: growing shares in per cent.

    Raises:
        typer.BadParameter: they are written otherwise, or do not grow.
    """
    try:
        shares = tuple(float(word) for word in text.split(",") if word.strip())
    except ValueError:
        shares = (0.0,)
    if list(shares) != sorted(set(shares)) or not all(0 < share <= 100 for share in shares):
        raise typer.BadParameter(f"{text!r} came; expected growing shares in per cent, such as 5,25,100")
    return shares


def show_verdict(verdict: Verdict) -> None:
    """Draw the figures of both versions on standard error."""
    Console(stderr=True).print(table_of(verdict_rows(verdict)))


def verdict_rows(verdict: Verdict) -> list[Row]:
    """Return a gate's figures: a row for the old version and one for the new."""
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


class PhaseDisplay:
    """The phases of a rollout as lines on standard error, the present one with a bar where that is a terminal.

    Args:
        plan: what was asked of the rollout.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._bar = progress_display(TextColumn("{task.description}"), BarColumn())
        self._task = self._bar.add_task("", total=1.0)

    def __enter__(self) -> "PhaseDisplay":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar away."""
        self._bar.stop()

    def on_event(self, event: Event) -> None:
        """Show what a rollout tells."""
        match event:
            case PhaseStarted():
                sentence = phase_sentence(event, self._plan)
                self._bar.console.print(sentence, highlight=False)
                self._bar.update(self._task, completed=0, description=sentence)
            case PhaseAdvanced(_, share):
                self._bar.update(self._task, completed=share)
            case Remark(sentence):
                self._bar.console.print(sentence, highlight=False, markup=False)


def phase_sentence(event: PhaseStarted, plan: Plan) -> str:
    """Return what a phase is for a person at a terminal."""
    match event.phase:
        case Phase.REGISTERING:
            return f"registering {plan.archive}"
        case Phase.LOADING:
            return f"loading {quantity(event.workers, 'worker')} of {event.new}"
        case Phase.WARMING_UP:
            return f"warming {event.new} up"
        case Phase.COMPARING:
            return f"comparing {event.old} and {event.new}"
        case Phase.CANARY:
            return (
                f"{event.percent:g} % of the gateway's requests go to {event.new}; watching it for {plan.canary_s:g} s"
            )
        case Phase.WATCHING:
            return f"{event.new} is the default; watching it for {plan.watch_s:g} s"
        case Phase.RESTORING_DEFAULT:
            return f"{event.old} is the default again"
        case Phase.UNREGISTERING:
            return f"unregistering {event.new} again"
        case _:
            assert_never(event.phase)
