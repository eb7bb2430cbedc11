"""python -m gateway: start, check and stop the gateway (nginx) before this checkout's server."""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

try:
    import typer

    from gateway.nginx import Nginx
    from gateway.running import Gateway
    from pixserve.commands.output import sentence_of
    from pixserve.errors import ClientError
    from pixserve.runtime_directory import RUNTIME_DIR_VARIABLE, RuntimeDirectory
    from serving.errors import ServingError
    from serving.settings import CONFIG, PROJECT, Settings
except ModuleNotFoundError as missing:
    sys.exit(
        f"error: {sys.executable} has no package {missing.name}: install what the gateway needs with "
        "`make environments`, then run `.venv/bin/python -m gateway`, or with `make gateway`, which does both."
    )

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help=__doc__, rich_markup_mode=None, pretty_exceptions_enable=False
)

Config = Annotated[Path, typer.Option(help="Server-wide settings.")]
RuntimeDir = Annotated[Path, typer.Option(help="The server's runtime directory.", envvar=RUNTIME_DIR_VARIABLE)]


@app.command()
def start(config: Config = CONFIG, runtime_dir: RuntimeDir = PROJECT / ".run") -> None:
    """Start it in the background; a running one takes the present settings over without losing a request."""
    gateway = Gateway.of(Settings.read(config, runtime_dir=runtime_dir))
    gateway.start()
    print(announcement(gateway))


@app.command()
def check(config: Config = CONFIG, runtime_dir: RuntimeDir = PROJECT / ".run") -> None:
    """Write the configuration, have nginx check it, and say where it lies; nothing is started."""
    gateway = Gateway.of(Settings.read(config, runtime_dir=runtime_dir))
    gateway.check()
    print(gateway.nginx.configuration)


@app.command()
def stop(runtime_dir: RuntimeDir = PROJECT / ".run") -> None:
    """Answer what is in flight, then end it."""
    stopped = Nginx(RuntimeDirectory(runtime_dir.resolve()).gateway).stop()
    print("stopped" if stopped else "nothing to stop: no gateway runs")


def announcement(gateway: Gateway) -> str:
    """Return what runs where, and the line to try it with."""
    settings = gateway.settings
    lines = [f"gateway: {' and '.join(_urls(gateway))}"]
    key = '-H "Authorization: Bearer $(cat key)" ' if settings.asks_for_keys else ""
    trust = ""
    if settings.tls_address and settings.certificate is None:
        certificate, _ = gateway.certificate() or (None, None)
        trust = f"--cacert {certificate} " if not settings.address else ""
        lines.append(f"  its certificate is for trying: {certificate}")
    url = _urls(gateway)[0].replace("127.0.0.1", "localhost").replace("0.0.0.0", "localhost")
    lines.append(f"  curl -X POST {trust}{key}-F 'image=@tests/pictures/cat.jpg' {url}/classify")
    if settings.asks_for_keys:
        lines.append("  `pixserve keys add NAME > key` makes a key")
    return "\n".join(lines)


def _urls(gateway: Gateway) -> list[str]:
    """The gateway's URLs, plain HTTP first."""
    settings = gateway.settings
    schemes = (("http", settings.address), ("https", settings.tls_address))
    return [f"{scheme}://{address}" for scheme, address in schemes if address]


def main() -> NoReturn:
    """Run the command line; a fault is one sentence on stderr, and exit code 1."""
    try:
        app(standalone_mode=True)
    except (ServingError, ClientError, OSError) as fault:
        print(f"error: {sentence_of(fault)}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
