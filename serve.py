"""Serve the archives of model-store/ with TorchServe.

    python serve.py run       in the foreground, until Ctrl-C
    python serve.py start     in the background; returns when every version has answered a prediction
    python serve.py status    models, versions, workers, queues
    python serve.py stop      after the requests in flight have been answered

Addresses and limits stand in config.properties. This file knows the command line; serving/ knows TorchServe.
"""

import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from pixserve.errors import ClientError
from pixserve.records import ModelVersion
from pixserve.runtime_directory import RUNTIME_DIR_VARIABLE
from serving.background import Background
from serving.errors import ServingError
from serving.server import Server
from serving.settings import PROJECT, Settings

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__, rich_markup_mode=None)

Config = Annotated[Path, typer.Option(help="Server-wide settings.")]
RuntimeDir = Annotated[
    Path, typer.Option(help="The server's runtime directory: sockets, logs, keys.", envvar=RUNTIME_DIR_VARIABLE)
]
Store = Annotated[Path, typer.Option(help="The folder of archives.")]

CONFIG, RUNTIME_DIR, STORE = PROJECT / "config.properties", PROJECT / ".run", PROJECT / "model-store"


@app.command()
def run(config: Config = CONFIG, runtime_dir: RuntimeDir = RUNTIME_DIR, store: Store = STORE) -> None:
    """Serve in the foreground until Ctrl-C; requests in flight are answered first."""
    settings = Settings.read(config, runtime_dir=runtime_dir, store=store)
    Background(settings).require_stopped()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Server(settings) as server, Background(settings).claimed(server):
            announce(settings, server.wait_until_ready())
            Background(settings).mark_ready()
            server.wait()
    except KeyboardInterrupt:
        print("stopped")


@app.command()
def start(config: Config = CONFIG, runtime_dir: RuntimeDir = RUNTIME_DIR, store: Store = STORE) -> None:
    """Serve in the background; return when every version has answered a prediction."""
    settings = Settings.read(config, runtime_dir=runtime_dir, store=store)
    options = ["--config", config, "--runtime-dir", runtime_dir, "--store", store]
    print(Background(settings).start([sys.executable, __file__, "run", *map(str, options)]))


@app.command()
def stop(config: Config = CONFIG, runtime_dir: RuntimeDir = RUNTIME_DIR) -> None:
    """Stop the server that runs in the background or in another terminal."""
    stopped = Background(Settings.read(config, runtime_dir=runtime_dir)).stop()
    print("stopped" if stopped else "nothing to stop: no server runs")


@app.command()
def status(config: Config = CONFIG, runtime_dir: RuntimeDir = RUNTIME_DIR) -> None:
    """Say what runs: models, versions, workers, queues. Exit code 1 where nothing does."""
    settings = Settings.read(config, runtime_dir=runtime_dir)
    Background(settings).require_running()
    with Server(settings).management() as management:
        Console().print(version_table(management.every_version()))
    print(f"inference {settings.inference}   management {settings.management}   logs {settings.runtime_directory.logs}")


def version_table(versions: list[ModelVersion]) -> Table:
    """Draw a line per version: whether it is the default, its workers and what waits in its queue."""
    table = Table("model", "version", "default", "workers", "process ids", "queued", "queue room")
    for version in versions:
        table.add_row(
            version.model,
            version.version,
            "yes" if version.is_default else "",
            f"{version.ready_workers} of {len(version.workers)} ready",
            " ".join(str(worker.pid) for worker in version.workers),
            str(version.queued),
            str(version.queue_room),
        )
    return table


def announce(settings: Settings, versions: list[ModelVersion]) -> None:
    """Say what is served, and the line to try it with."""
    served = ", ".join(f"{version.model} {version.version}" for version in versions)
    url = f"{settings.inference}/predictions/{versions[-1].model}"
    print(f"ready: {served}\n  curl -X POST -F 'image=@cat.jpg' {url}", flush=True)


def main() -> NoReturn:
    """Run the command line; a fault is one sentence on stderr and exit code 1."""
    try:
        app(standalone_mode=True)
    except (ServingError, ClientError) as fault:
        print(f"error: {fault}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
