"""The command line: its options, its commands, and how it ends.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 some images could not be classified, 4 a new version was refused,
5 it was rolled back while it was watched, 130 interrupted.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from pixserve.commands import explain, predict, versions
from pixserve.commands.options import Target
from pixserve.commands.output import prepare_streams, say, sentence_of
from pixserve.errors import ClientError
from pixserve.inference import DEFAULT_MODEL, DEFAULT_TIMEOUT_S
from pixserve.runtime_directory import RUNTIME_DIR_VARIABLE

HELP = """Classify images with the service, and change the versions that it serves.

\b
pixserve predict cat.jpg --top 3
pixserve rollout model-store/cifar10-2.0.mar --gate data/test
pixserve rollback

`pixserve --install-completion` teaches your shell the commands.
"""

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)

RuntimeDir = Annotated[
    Path | None,
    typer.Option(
        help="The server's runtime directory.", envvar=RUNTIME_DIR_VARIABLE, show_default=".run of the project"
    ),
]
Url = Annotated[
    str | None, typer.Option(help="Inference API, http://host:port.", show_default="as the server was started")
]
GrpcAddress = Annotated[str | None, typer.Option(help="gRPC, host:port.", show_default="as the server was started")]
ManagementAddress = Annotated[
    str | None, typer.Option("--management", help="http://… or unix:/….", show_default="as the server was started")
]
Timeout = Annotated[float, typer.Option(help="How long a prediction may take, in seconds.", min=0.001)]


@app.callback(help=HELP)
def options(
    context: typer.Context,
    runtime_dir: RuntimeDir = None,
    url: Url = None,
    grpc_address: GrpcAddress = None,
    management: ManagementAddress = None,
    model: Annotated[str, typer.Option(help="The model.")] = DEFAULT_MODEL,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
) -> None:
    """Store which server and model the commands are about."""
    context.obj = Target(runtime_dir, url, grpc_address, management, model, timeout)


COMMANDS: tuple[Callable[..., None], ...] = (
    predict.predict,
    explain.explain,
    versions.models,
    versions.describe,
    versions.health,
    versions.token,
)


# The commands of operations/, which lies beside this package in a checkout and is not installed by `pip install .`.
# `keys` belongs to gateway/ and `score` to scoring/, which lie there likewise.
OPERATIONS = ("register", "rollout", "promote", "rollback", "scale", "retire", "top", "drift")


def add_operations(app: typer.Typer) -> None:
    """Add the commands that change what a server serves; without operations/ each says that it is missing."""
    if find_spec("operations") is not None:
        for command in import_module("operations.commands").COMMANDS:
            app.command()(command)
        app.add_typer(import_module("gateway.commands").keys, name="keys")
        for command in import_module("scoring.command").COMMANDS:
            app.command()(command)
        return
    for name in (*OPERATIONS, "keys", "score"):
        anything = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
        app.command(name, hidden=True, context_settings=anything)(require_operations)


def require_operations(context: typer.Context) -> None:
    """Refuse a command of operations/ where only the client is installed.

    Raises:
        ClientError: always; the message says where the command is to be had.
    """
    raise ClientError(
        f"`{context.info_name}` is part of the project's checkout, which is not installed with the client: "
        f"run `python -m pixserve {context.info_name}` in a checkout of the project"
    )


for command in COMMANDS:
    app.command()(command)
add_operations(app)


def main() -> NoReturn:
    """Run the command line; a fault is one sentence on stderr and exit code 1."""
    prepare_streams()
    try:
        app()
    except (ClientError, OSError) as fault:
        say(f"error: {sentence_of(fault)}")
    sys.exit(1)


if __name__ == "__main__":
    main()
