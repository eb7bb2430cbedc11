"""Results on standard output: tables for people, JSON for programs. Everything else goes to standard error."""

import io
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn
from rich.table import Table

Row = Mapping[str, Any]


def prepare_streams() -> None:
    """Let no class name or path end a command: a terminal shows ? for what it cannot show, a program gets UTF-8.

    What a program gets is the same in every locale; the bytes of a path that are no UTF-8 come out as they are.
    """
    if not isinstance(sys.stdout, io.TextIOWrapper):
        return
    if sys.stdout.isatty():
        sys.stdout.reconfigure(errors="replace")
    else:
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")


def show(rows: Sequence[Row], *, as_json: bool) -> None:
    """Write rows as a table on a terminal, as one JSON array elsewhere."""
    if as_json or not sys.stdout.isatty():
        print(json.dumps(list(rows), indent=1))
    else:
        Console().print(table_of(rows))


def show_facts(facts: Row, *, as_json: bool) -> None:
    """Write what is known of one thing: a line for each fact on a terminal, a JSON object elsewhere."""
    if as_json or not sys.stdout.isatty():
        print(json.dumps(facts, indent=1))
    else:
        Console().print(table_of([{"": name, " ": json.dumps(value)} for name, value in facts.items()]))


def table_of(rows: Sequence[Row], *, title: str | None = None) -> Table:
    """Return a table of rows that have the same keys; numbers are aligned right."""
    table = Table(title=title, title_justify="left")
    for name, value in (rows[0] if rows else {}).items():
        table.add_column(name.replace("_", " "), justify="right" if isinstance(value, (int, float)) else "left")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    return table


def progress_display(*columns: ProgressColumn, visible: bool = True) -> Progress:
    """Return a progress bar on standard error, drawn only where that is a terminal; it disappears at the end.

    Standard output stays the command's own: rich would send what is printed there to the bar's console instead.
    """
    console = Console(stderr=True)
    return Progress(
        *(columns or (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        disable=not (visible and console.is_terminal),
    )


def say(sentence: str) -> None:
    """Tell a person what was done, on standard error."""
    print(sentence, file=sys.stderr)


def quantity(count: int, noun: str) -> str:
    """Return a count with its noun: `1 worker`, `2 workers`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def sentence_of(fault: Exception) -> str:
    """Return an error's message for a person: `cat.jpg: no such file or directory` instead of `[Errno 2] ...`."""
    if isinstance(fault, OSError) and fault.strerror:
        reason = fault.strerror[0].lower() + fault.strerror[1:]
        return f"{fault.filename}: {reason}" if fault.filename else reason
    return str(fault)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    return "" if value is None else str(value)
