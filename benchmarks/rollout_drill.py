"""Roll out, retire and scale under constant traffic: no request may fail; latencies say what each change costs.

    python -m benchmarks.rollout_drill       twenty rollouts and rollbacks, five retires, ten scalings (minutes)

Starts a TorchServe of its own with the shipped LeNet under two versions, and 16 connections, half REST and half gRPC.
Traffic is paced, not as fast as can be: how long an answer takes beside a starting worker is what is measured.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import command
from benchmarks.results import header, write_result
from operations.events import Event, Phase, PhaseStarted
from operations.latency import percentile_ms
from operations.loading import add_workers
from operations.local_server import require_runtime_directory
from operations.plan import Plan
from operations.quiesce import scale_down, unregister_gracefully
from operations.rollout import Rollout
from operations.switch import roll_back
from pixserve import Connection
from pixserve.commands.output import table_of
from tests.traffic import Load, Sample
from tests.two_versions import GENEROUS, MODEL, NEW, OLD, generated_images, label_images, two_versions

SWITCH_S = 0.5  # before and after a change of the default

app = typer.Typer(add_completion=False, help=__doc__, rich_markup_mode=None)


@dataclass
class Timeline:
    """What was being done when: phases as (start, name), and the moments at which the default changed."""

    phases: list[tuple[float, str]] = field(default_factory=list)
    switches: list[float] = field(default_factory=list)

    def begin(self, phase: str) -> None:
        """Note that a phase begins."""
        self.phases.append((time.monotonic(), phase))

    def on_event(self, event: Event) -> None:
        """Note a rollout's own phases, and when it changes the default."""
        if isinstance(event, PhaseStarted):
            if event.phase in {Phase.WATCHING, Phase.RESTORING_DEFAULT}:
                self.switches.append(time.monotonic())
            self.begin(event.phase.value)

    def phase_of(self, sample: Sample) -> str:
        """The phase that a request began in; around a change of the default that is `switch`."""
        if any(abs(sample.start_s - moment) < SWITCH_S for moment in self.switches):
            return "switch"
        return [name for start_s, name in self.phases if start_s <= sample.start_s][-1]


@dataclass(frozen=True)
class Drill:
    """A server, its traffic, and what is done to it."""

    connection: Connection
    gate: Path
    timeline: Timeline

    def roll_out_and_back(self, *, times: int) -> None:
        """Roll the new version out, and roll back."""
        for _ in range(times):
            plan = Plan(f"{MODEL}-{NEW}.mar", self.gate, most_images=50, limits=GENEROUS, watch_s=1)
            Rollout(self.connection, model=MODEL, plan=plan, listener=self.timeline.on_event).run()
            self.timeline.begin("default 2.0")
            time.sleep(SWITCH_S)
            self.timeline.switches.append(time.monotonic())
            roll_back(self.connection, MODEL)
            self.timeline.begin("calm")
            time.sleep(2 * SWITCH_S)

    def retire_and_register(self, *, times: int) -> None:
        """Unregister the new version, which answered traffic a moment ago, and register it again."""
        management = self.connection.management
        runtime_directory = require_runtime_directory(self.connection)
        for _ in range(times):
            self.timeline.switches.append(time.monotonic())
            management.set_default(MODEL, NEW)
            time.sleep(SWITCH_S)
            self.timeline.switches.append(time.monotonic())
            management.set_default(MODEL, OLD)
            self.timeline.begin("retiring")
            unregister_gracefully(management, MODEL, NEW, runtime_directory=runtime_directory)
            self.timeline.begin("registering")
            management.register(f"{MODEL}-{NEW}.mar")
            self.timeline.begin("loading")
            add_workers(management, MODEL, NEW, workers=2, runtime_directory=runtime_directory)
        self.timeline.begin("calm")

    def scale(self, *, times: int) -> None:
        """Give the default version one worker less, and one more, in turn."""
        management = self.connection.management
        runtime_directory = require_runtime_directory(self.connection)
        for turn in range(times):
            described = management.describe(MODEL)
            if turn % 2:
                self.timeline.begin("scaling up")
                add_workers(
                    management,
                    MODEL,
                    described.version,
                    workers=len(described.workers) + 1,
                    runtime_directory=runtime_directory,
                )
            else:
                self.timeline.begin("scaling down")
                scale_down(
                    management, described, workers=len(described.workers) - 1, runtime_directory=runtime_directory
                )
                time.sleep(SWITCH_S)
        self.timeline.begin("calm")


def figures(samples: list[Sample], timeline: Timeline) -> list[dict[str, object]]:
    """A line for each phase: how many requests began in it, how many failed, and how long they took."""
    by_phase: dict[str, list[Sample]] = {}
    for sample in samples:
        by_phase.setdefault(timeline.phase_of(sample), []).append(sample)
    return [
        {
            "phase": phase,
            "requests": len(of_phase),
            "failed": sum(sample.error is not None for sample in of_phase),
            "versions": " ".join(sorted({sample.version for sample in of_phase if sample.version})),
            **{
                name: round(percentile_ms([s.latency_s for s in of_phase], share), 1)
                for name, share in (("p50 ms", 0.5), ("p99 ms", 0.99), ("max ms", 1.0))
            },
        }
        for phase, of_phase in by_phase.items()
    ]


@app.command()
def rollout_drill(
    rollouts: Annotated[int, typer.Option(help="Rollouts, each with its rollback.")] = 10,
    retires: Annotated[int, typer.Option(help="Retires, each with its registration.")] = 5,
    scalings: Annotated[int, typer.Option(help="Scalings, down and up in turn.")] = 10,
    requests_per_s: Annotated[float, typer.Option(help="Traffic, of all 16 connections.")] = 200,
    calm_s: Annotated[float, typer.Option(help="How long nothing is done at first, in seconds.")] = 20,
    save: Annotated[Path | None, typer.Option(help="Write the figures here, as JSON.")] = None,
) -> None:
    """Run the drill; exit code 1 if a request failed or was lost."""
    images, timeline = generated_images(200), Timeline()
    with two_versions() as (_, connection, folder):
        gate = label_images(connection, images, folder=folder / "gate")
        drill = Drill(connection, gate, timeline)
        timeline.begin("warm-up")
        with Load(connection, images, requests_per_s=requests_per_s) as load:
            time.sleep(calm_s)
            timeline.begin("calm")
            time.sleep(calm_s)
            drill.roll_out_and_back(times=rollouts)
            drill.retire_and_register(times=retires)
            drill.scale(times=scalings)
            time.sleep(1)
    failed = [sample for sample in load.samples if sample.error]
    rows = figures(load.samples, timeline)
    Console(width=140).print(table_of(rows))
    p99_ms = {str(row["phase"]): row["p99 ms"] for row in rows}
    print(f"p99 of a switch: {p99_ms['switch']} ms; of calm: {p99_ms['calm']} ms")
    print(f"{len(load.samples)} requests, {len(failed)} failed, {load.lost} lost")
    if save:
        counts = {"requests": len(load.samples), "failed": len(failed), "lost": load.lost}
        write_result(save, header() | counts | {"phases": rows})
    for sample in failed[:10]:
        print(f"  {timeline.phase_of(sample)}: {sample.protocol}: {sample.error}")
    if failed or load.lost:
        raise typer.Exit(1)


if __name__ == "__main__":
    command.run(app)
