"""What the commands of the benchmarks share: options as lists, and how a fault is shown."""

import signal
import sys
from typing import NoReturn

import typer

from benchmarks.errors import BenchmarkError
from pixserve.errors import ClientError
from serving.errors import ServingError


def words(text: str, *, choices: tuple[str, ...]) -> tuple[str, ...]:
    """The words of a comma-separated option.

    Raises:
        typer.BadParameter: one of them is no choice.
    """
    found = tuple(word.strip() for word in text.split(","))
    unknown = [word for word in found if word not in choices]
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}; expected any of {', '.join(choices)}")
    return found


def integers(text: str) -> tuple[int, ...]:
    """The integers of a comma-separated option.

    Raises:
        typer.BadParameter: one of them is no positive integer.
    """
    if not all(word.strip().isdigit() and int(word) > 0 for word in text.split(",")):
        raise typer.BadParameter(f"{text!r}; expected positive integers, such as 1,64")
    return tuple(int(word) for word in text.split(","))


def run(app: typer.Typer) -> NoReturn:
    """Run a command line; a fault is one sentence on stderr and exit code 1."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that servers are ended
    try:
        app(standalone_mode=True)
    except (BenchmarkError, ClientError, ServingError) as fault:
        print(f"error: {fault}", file=sys.stderr)
    sys.exit(1)
