"""Tables for people, JSON for programs."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

Row = dict[str, Any]


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
    """Draw rows that have the same keys; numbers stand on the right."""
    table = Table(title=title, title_justify="left")
    for name, value in (rows[0] if rows else {}).items():
        table.add_column(name, justify="right" if isinstance(value, (int, float)) else "left")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    return table


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return "" if value is None else str(value)
