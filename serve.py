"""Serve the archives of model-store/ with TorchServe.

    python serve.py run       in the foreground, until Ctrl-C
    python serve.py start     in the background; returns when every version has answered a prediction
    python serve.py status    models, versions, workers, queues
    python serve.py stop      after the requests in flight have been answered

Addresses and limits stand in config.properties; config.local.properties beside it is for this machine's own.
Exit codes: 0 done, 1 failed, 3 TorchServe ended again and again and is not started any more.
"""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

try:
    import typer

    from pixserve.commands.output import sentence_of, show
    from pixserve.commands.versions import version_rows
    from pixserve.connection import Connection
    from pixserve.endpoints import Endpoints
    from pixserve.errors import ClientError
    from pixserve.records import ModelVersion
    from pixserve.runtime_directory import RUNTIME_DIR_VARIABLE, RuntimeDirectory
    from serving import launcher
    from serving.errors import GaveUpError, ServingError
    from serving.settings import CONFIG, PROJECT, Settings
except ModuleNotFoundError as missing:
    sys.exit(
        f"error: {sys.executable} has no package {missing.name}: install what serving needs with "
        "`make environments`, then run `.venv/bin/python serve.py`, or with `make serve`, which does both."
    )

EXIT_GAVE_UP = 3
RUNTIME_DIR, STORE = PROJECT / ".run", PROJECT / "model-store"

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help=__doc__, rich_markup_mode=None, pretty_exceptions_enable=False
)

Config = Annotated[Path, typer.Option(help="Server-wide settings.")]
RuntimeDir = Annotated[
    Path, typer.Option(help="The server's runtime directory: sockets, logs, keys, state.", envvar=RUNTIME_DIR_VARIABLE)
]
Store = Annotated[Path, typer.Option(help="The folder of archives.")]


@app.command()
def run(config: Config = CONFIG, runtime_dir: RuntimeDir = RUNTIME_DIR, store: Store = STORE) -> None:
    """Serve in the foreground until Ctrl-C; start TorchServe again if it ends by itself."""
    settings = Settings.read(config, runtime_dir=runtime_dir, store=store)
    launcher.run(settings, ready=lambda versions: announce(settings, versions), step=show_step)
    print("stopped")


@app.command()
def start(config: Config = CONFIG, runtime_dir: RuntimeDir = RUNTIME_DIR, store: Store = STORE) -> None:
    """Serve in the background; return when every version has answered a prediction."""
    settings = Settings.read(config, runtime_dir=runtime_dir, store=store)
    options = ["--config", config, "--runtime-dir", runtime_dir, "--store", store]
    command = [sys.executable, __file__, "run", *map(str, options)]
    print(launcher.start(settings.runtime_directory, command, step=show_step))


@app.command()
def stop(runtime_dir: RuntimeDir = RUNTIME_DIR) -> None:
    """Stop the server that runs in the background or in another terminal."""
    stopped = launcher.stop(RuntimeDirectory(runtime_dir.resolve()))
    print("stopped" if stopped else "nothing to stop: no server runs")


@app.command()
def status(runtime_dir: RuntimeDir = RUNTIME_DIR) -> None:
    """Say what runs: models, versions, workers, queues. JSON in a pipe. Exit code 1 where nothing does."""
    directory = RuntimeDirectory(runtime_dir.resolve())
    running = launcher.require_running(directory)
    if not running.ready:
        raise ServingError(f"the server is not ready: {running.step or 'it starts'} (process {running.pid})")
    endpoints = Endpoints.of_runtime_dir(directory.path)
    with Connection(endpoints) as connection:
        show(version_rows(connection.management.every_version()), as_json=False)
    line = f"inference {endpoints.inference}   management {endpoints.management}   logs {directory.logs}"
    print(line, file=sys.stderr)


def show_step(line: str) -> None:
    """Show how far a start is, where a person watches."""
    if sys.stderr.isatty():
        print(f"\r\033[K{line} ...", end="", file=sys.stderr, flush=True)


def announce(settings: Settings, versions: list[ModelVersion]) -> None:
    """Say what is served, and the line to try it with."""
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    served = ", ".join(f"{version.model} {version.version}" for version in versions)
    url = f"{settings.inference}/predictions/{versions[-1].model}"
    key = f"-H 'Authorization: Bearer '$({key_command(settings)}) " if settings.tokens else ""
    print(f"ready: {served}\n  curl {key}-F 'image=@{example_image()}' {url}", flush=True)


def example_image() -> str:
    """Return the path of an image that exists."""
    found = sorted((PROJECT / "tests").glob("*/cat.jpg"))
    return str(found[0]) if found else "cat.jpg"


def key_command(settings: Settings) -> str:
    """Return the shell command that prints the key of the inference API."""
    return f"jq -r .inference.key {settings.runtime_directory.key_file}"


def main() -> NoReturn:
    """Run the command line; a fault is one sentence on stderr, and an exit code."""
    try:
        app(standalone_mode=True)
    except GaveUpError as fault:
        print(f"error: {fault}", file=sys.stderr)
        sys.exit(EXIT_GAVE_UP)
    except (ServingError, ClientError, OSError) as fault:
        print(f"error: {sentence_of(fault)}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
