"""Behind the gateway workers are killed, and a server of two is replaced, under load: not one request may be lost.

    python -m benchmarks.gateway_drill       a worker killed every 5 s for 2 minutes; two servers upgraded in turn

The last line of standard output is one JSON document; exit code 1 where a request was lost.
"""

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import command
from benchmarks.bench import RECORD
from benchmarks.contestants import ProjectContestant
from benchmarks.load import Load, run_wrk
from benchmarks.results import header, report
from benchmarks.running import RunningServer
from benchmarks.uploads import Upload, sample_images
from serving.server import Server
from serving.settings import Settings
from tests.gateways import RunningGateway, gateway_before, ready_worker_pids
from tests.two_versions import MODEL, build

SETTLE_S = 3.0  # of load before and after a change

app = typer.Typer(add_completion=False, help=__doc__, rich_markup_mode=None)


@contextmanager
def server_of(folder: Path, version: str) -> Iterator[Server]:
    """Serve the shipped LeNet under a version, in a folder of its own."""
    folder.mkdir()
    build(folder, version)
    with Server(Settings.isolated(folder / "run", folder / "store")) as server:
        server.wait_until_ready()
        yield server


def under_load(
    gateway: RunningGateway, uploads: Sequence[Upload], change: Callable[[], object], *, seconds: float
) -> Load:
    """Load the gateway with 64 connections, and change something meanwhile; raise what that raises."""
    failures: list[BaseException] = []

    def run() -> None:
        time.sleep(SETTLE_S)
        try:
            change()
        except BaseException as failure:  # noqa: BLE001 (of another thread: raised below)
            failures.append(failure)

    running = RunningServer(f"{gateway.url}/predictions/{MODEL}", os.getpid(), 0)
    thread = threading.Thread(target=run)
    thread.start()
    load = run_wrk(running, uploads, connections=64, seconds=seconds)
    thread.join()
    if failures:
        raise failures[0]
    return load


def kill_workers(server: Server, *, every_s: float, until_s: float) -> int:
    """Kill a worker that is ready again and again until a moment of the monotonic clock; return how often.

    One that is loading is left alone: TorchServe waits longer before each start that follows a failed one.
    """
    kills = 0
    while time.monotonic() < until_s:
        pids = ready_worker_pids(server)
        if pids:
            os.kill(pids[kills % len(pids)], signal.SIGKILL)
            kills += 1
        time.sleep(every_s)
    return kills


def killed_workers(folder: Path, uploads: Sequence[Upload], *, seconds: float, every_s: float) -> dict[str, Any]:
    """One server whose workers are killed."""
    with server_of(folder, "1.0") as server, gateway_before(server.settings) as gateway:
        kills: list[int] = []
        until_s = time.monotonic() + SETTLE_S + seconds
        load = under_load(
            gateway,
            uploads,
            lambda: kills.append(kill_workers(server, every_s=every_s, until_s=until_s)),
            seconds=seconds + 2 * SETTLE_S,
        )
        time.sleep(2)
        asked_again = sum("," in line["answered"] or ":" in line["answered"] for line in gateway.log())
        return outcome("killed workers", load, kills=kills[0], asked_again=asked_again)


def replaced_servers(folder: Path, uploads: Sequence[Upload], *, seconds: float) -> dict[str, Any]:
    """Two servers; each in turn is stopped, given a newer version, and started while the other serves."""
    for name in ("a", "b"):
        (folder / name).mkdir()
        build(folder / name, "1.0")
    settings = [Settings.isolated(folder / name / "run", folder / name / "store") for name in ("a", "b")]
    servers = [Server(each) for each in settings]
    addresses = ",".join(each.inference.removeprefix("http://") for each in settings)
    try:
        for server in servers:
            server.start()
        for server in servers:
            server.wait_until_ready()
        with gateway_before(settings[0], gateway_rest_servers=addresses) as gateway:

            def upgrade_both() -> None:
                for name, server in zip(("a", "b"), servers, strict=True):
                    server.stop()
                    (folder / name / "store" / f"{MODEL}-1.0.mar").unlink()
                    (folder / name / "run" / "state.json").unlink(missing_ok=True)
                    build(folder / name, "2.0")
                    server.start()
                    server.wait_until_ready()
                    time.sleep(SETTLE_S)

            load = under_load(gateway, uploads, upgrade_both, seconds=seconds)
            answer = gateway.ask("POST", f"/predictions/{MODEL}", data=uploads[0].jpeg).json()
            return outcome("two servers, each replaced", load, served_after=answer["model_version"])
    finally:
        for server in servers:
            server.stop()


def outcome(drill: str, load: Load, **facts: Any) -> dict[str, Any]:
    """What a drill found; `lost` counts everything but right answers."""
    return {
        "drill": drill,
        **facts,
        "requests": load.right + load.errors,
        "lost": load.errors,
        "unexpected": load.unexpected,
        "requests_per_s": round(load.requests_per_s),
        "p99_ms": round(load.p99_ms, 1),
    }


@app.command()
def drill(
    seconds: Annotated[float, typer.Option(min=5, help="For how long workers are killed.")] = 120,
    every_s: Annotated[float, typer.Option(min=0.5, help="How often.")] = 5,
    replace_s: Annotated[float, typer.Option(min=20, help="For how long two servers are loaded while replaced.")] = 60,
    save: Annotated[Path | None, typer.Option(help="Write the JSON document here too.")] = None,
) -> None:
    """Run both drills."""
    uploads = ProjectContestant(RECORD).answers(sample_images()).uploads
    with tempfile.TemporaryDirectory(prefix="drill-") as scratch:
        found = [
            killed_workers(Path(scratch) / "killed", uploads, seconds=seconds, every_s=every_s),
            replaced_servers(Path(scratch), uploads, seconds=replace_s),
        ]
    document = header() | {"drills": found}
    report(document, save=save)
    raise typer.Exit(1 if any(one["lost"] for one in found) else 0)


if __name__ == "__main__":
    command.run(app)
