"""Versions and workers come and go under constant traffic; no request may fail, and the figures say what it costs.

    python -m benchmarks.rollout_drill       twenty rollouts and rollbacks, five retires, ten scalings (minutes)

Starts a TorchServe of its own with the shipped LeNet under two versions, and 16 connections, half REST and half gRPC.
Traffic is paced, not as fast as can be: how long an answer takes beside a starting worker is what is measured.
"""

import io
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image
from rich.console import Console

import archive
from benchmarks.rollout_load import Load, Sample
from operations.gate import Limits
from operations.latency import percentile_ms
from operations.loading import add_workers
from operations.quiesce import remove, scale_down
from operations.rollout import Plan, Progress, Rollout, require_runtime_directory
from operations.switch import roll_back
from pixserve import Connection, Endpoints
from pixserve.commands.output import table_of
from pixserve.errors import ClientError
from serving.server import Server
from serving.settings import PROJECT, Settings

MODEL, OLD, NEW = "cifar10", "1.0", "2.0"
RECORD = PROJECT / "model" / "cifar10-1.0.json"
SWITCH_S = 0.5  # before and after a change of the default
GENEROUS = Limits(accuracy_margin=0.01, p99_factor=50)  # the gate's clock is not what the drill measures


@dataclass
class Timeline:
    """What was being done when: phases as (start, name), and the moments at which the default changed."""

    phases: list[tuple[float, str]] = field(default_factory=list)
    switches: list[float] = field(default_factory=list)

    def begin(self, phase: str) -> None:
        """Note that a phase begins."""
        self.phases.append((time.monotonic(), phase))

    def step(self, sentence: str) -> None:
        """Note a rollout's own steps as phases."""
        if "is the default" in sentence:
            self.switches.append(time.monotonic())
        self.begin("watching" if "watching" in sentence else sentence.split()[0])

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

    def there_and_back(self, *, times: int) -> None:
        """Roll the new version out and back again."""
        for _ in range(times):
            plan = Plan(f"{MODEL}-{NEW}.mar", self.gate, most_pictures=50, limits=GENEROUS, watch_s=1)
            Rollout(self.connection, model=MODEL, plan=plan, progress=Progress(step=self.timeline.step)).run()
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
            remove(management, MODEL, NEW, runtime_directory=runtime_directory)
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


@contextmanager
def two_versions() -> Iterator[tuple[Server, Connection, Path]]:
    """A server with the shipped weights as version 1.0, an archive of them as 2.0, and a folder with both."""
    folder = Path(tempfile.mkdtemp(prefix="drill-"))
    try:
        build(folder, OLD)
        settings = Settings.isolated(folder / "run", folder / "store")
        with Server(settings) as server:
            server.wait_until_ready()
            build(folder, NEW)
            with Connection(Endpoints.of_runtime_dir(settings.runtime_directory.path)) as connection:
                yield server, connection, folder
    finally:
        shutil.rmtree(folder)


def build(folder: Path, version: str) -> Path:
    """Pack the shipped weights under a version."""
    record = folder / f"{MODEL}-{version}.json"
    record.write_text(json.dumps(json.loads(RECORD.read_text()) | {"version": version}))
    shutil.copy(RECORD.with_suffix(".pt"), record.with_suffix(".pt"))
    return archive.build(record, store=folder / "store")[0]


def generated_pictures(count: int, *, seed: int = 0) -> list[bytes]:
    """Pictures of coloured clouds, as PNG: enough for a network to have an opinion."""
    noise = random.Random(seed)
    pictures = []
    for _ in range(count):
        file = io.BytesIO()
        Image.frombytes("RGB", (4, 4), noise.randbytes(48)).resize((32, 32)).save(file, format="PNG")
        pictures.append(file.getvalue())
    return pictures


def label_pictures(connection: Connection, pictures: list[bytes], *, folder: Path) -> Path:
    """Write pictures into a folder for each class, as the server's default version classifies them."""
    with connection.rest() as client:
        for index, picture in enumerate(pictures):
            of_class = folder / client.predict(picture).best.name
            of_class.mkdir(parents=True, exist_ok=True)
            (of_class / f"{index:04}.png").write_bytes(picture)
    return folder


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


def main(
    rollouts: Annotated[int, typer.Option(help="Rollouts, each with its rollback.")] = 10,
    retires: Annotated[int, typer.Option(help="Retires, each with its registration.")] = 5,
    scalings: Annotated[int, typer.Option(help="Scalings, down and up in turn.")] = 10,
    requests_per_s: Annotated[float, typer.Option(help="Traffic, of all 16 connections.")] = 200,
    calm_s: Annotated[float, typer.Option(help="How long nothing is done at first, in seconds.")] = 20,
) -> None:
    """Run the drill; exit code 1 if a request failed or was lost."""
    pictures, timeline = generated_pictures(200), Timeline()
    with two_versions() as (_, connection, folder):
        gate = label_pictures(connection, pictures, folder=folder / "gate")
        drill = Drill(connection, gate, timeline)
        timeline.begin("warm-up")
        with Load(connection, pictures, requests_per_s=requests_per_s) as load:
            time.sleep(calm_s)
            timeline.begin("calm")
            time.sleep(calm_s)
            drill.there_and_back(times=rollouts)
            drill.retire_and_register(times=retires)
            drill.scale(times=scalings)
            time.sleep(1)
    failed = [sample for sample in load.samples if sample.error]
    Console(width=140).print(table_of(figures(load.samples, timeline)))
    p99_ms = {str(row["phase"]): row["p99 ms"] for row in figures(load.samples, timeline)}
    print(f"p99 of a switch: {p99_ms['switch']} ms; of calm: {p99_ms['calm']} ms")
    print(f"{len(load.samples)} requests, {len(failed)} failed, {load.lost} lost")
    for sample in failed[:10]:
        print(f"  {timeline.phase_of(sample)}: {sample.wire}: {sample.error}")
    if failed or load.lost:
        sys.exit(1)


if __name__ == "__main__":
    try:
        typer.run(main)
    except ClientError as fault:
        sys.exit(f"error: {fault}")
