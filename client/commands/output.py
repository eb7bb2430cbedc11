"""Tables for people, JSON for programs."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from client.rollout.gate import Side, Verdict

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


def verdict_rows(verdict: Verdict) -> list[Row]:
    """A gate's figures: a line for the old version and one for the new."""
    return [_side_row(side, verdict) for side in (verdict.old, verdict.new)]


def _side_row(side: Side, verdict: Verdict) -> Row:
    return {
        "version": side.version,
        "calls": len(side.calls),
        "failed": len(side.failed),
        "accuracy": round(side.accuracy, 4),
        "agree": round(verdict.agreement, 4),
        "p50 ms": round(side.percentile_ms(0.5), 1),
        "p99 ms": round(side.percentile_ms(0.99), 1),
        "verdict": "" if side is verdict.old else ("refused" if verdict.reasons else "accepted"),
    }


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return "" if value is None else str(value)
