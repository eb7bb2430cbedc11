"""The tables: one for a terminal, one in Markdown, both from the JSON documents of the benchmark.

python -m benchmarks.table README.md results.json ...    rewrite what stands between the two markers
python -m benchmarks.table --settings                    print the settings of every peer
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from benchmarks import command
from benchmarks.errors import BenchmarkError
from benchmarks.notes import notes
from benchmarks.peers.settings import PEERS, settings_table

START, END = "<!-- benchmark: start -->", "<!-- benchmark: end -->"
COLUMNS = {
    "server": "title",
    "precision": "precision",
    "accuracy": "accuracy",
    "connections": "connections",
    "requests/s": "requests_per_s",
    "p50 ms": "p50_ms",
    "p99 ms": "p99_ms",
    "answered by stage": "stage_shares",
    "errors": "errors",
    "CPU ms/request": "cpu_ms_per_request",
    "memory MB": "memory_mb",
    "start s": "start_s",
}
TEXT = ("title", "precision")
ERRORS = {"wrong": "wrong", "refused": "503", "failed": "other status", "socket_errors": "socket", "timeouts": "slow"}
P99_CONNECTIONS = 64

app = typer.Typer(add_completion=False, help=__doc__, rich_markup_mode=None)


def terminal_table(document: dict[str, Any]) -> Table:
    """The comparison as a table for a terminal, a line for each server and number of connections."""
    table = Table(title=caption(document), title_justify="left")
    for heading, key in COLUMNS.items():
        table.add_column(heading, justify="left" if key in TEXT else "right")
    for row in with_facts(document):
        shown = row | {"errors": errors(row)}
        cells = [format_figure(shown, key) for key in COLUMNS.values()]
        table.add_row(*cells, style="bold" if row["server"] == "project" else None)
    return table


def markdown_table(document: dict[str, Any]) -> str:
    """The comparison in Markdown, a line a server, with what it ran on above it."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in with_facts(document):
        groups.setdefault(row["server"], []).append(row)
    connections = [f"{row['connections']}" for row in next(iter(groups.values()))]
    p50 = f"p50 ms at {connections[0]}"
    headings = ["server", "precision", "accuracy", "answered by stage", *(f"{count} conn." for count in connections)]
    headings += [p50, f"p99 ms at {P99_CONNECTIONS}", "errors", "MB"]
    lines = [headings, [":--", ":--", *["--:"] * (len(headings) - 2)], *map(line_of, groups.values())]
    table = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([caption(document), "", *table])


def line_of(rows: list[dict[str, Any]]) -> list[str]:
    """A server's cells: requests/s at each number of connections, p50 of the fewest, p99 at 64, errors, memory."""
    at_64 = next((row for row in rows if row["connections"] == P99_CONNECTIONS), rows[-1])
    total = {key: sum(row[key] for row in rows) for key in ERRORS}
    cells = [
        *(format_figure(rows[0], key) for key in ("title", "precision", "accuracy")),
        format_figure(at_64, "stage_shares"),
        *(format_figure(row, "requests_per_s") for row in rows),
        format_figure(rows[0], "p50_ms"),
        format_figure(at_64, "p99_ms"),
        errors(total),
        format_figure(at_64, "memory_mb"),
    ]
    return [f"**{cell}**" for cell in cells] if rows[0]["server"] == "project" else cells


def with_facts(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows, each with the title, precision and accuracy of its server."""
    contestants = document["contestants"]
    return [
        row
        | {
            "title": title_of(contestants[row["server"]]),
            "precision": contestants[row["server"]]["precision"],
            "accuracy": contestants[row["server"]]["accuracy_of_sample"],
        }
        for row in document["servers"]
    ]


def title_of(facts: dict[str, Any]) -> str:
    """A server's name, and how it takes an image where it reads no forms."""
    upload = facts.get("upload", "multipart form")
    return f"{facts['title']}" if upload == "multipart form" else f"{facts['title']} ({upload})"


def errors(row: dict[str, Any]) -> str:
    """What went wrong, by kind, or 0: ``12 wrong, 3 slow``."""
    found = [f"{row[key]:,} {kind}" for key, kind in ERRORS.items() if row[key]]
    return ", ".join(found) or "0"


def format_figure(row: dict[str, Any], key: str) -> str:
    """One figure with as many digits as mean something; a dash where there is none."""
    value = row[key]
    if value is None or value == []:
        return "-"
    if isinstance(value, str | int):
        return str(value)
    if isinstance(value, list):
        return " / ".join(f"{100 * share:.3g}" for share in value) + " %"
    if key == "accuracy":
        return f"{value:.1%}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def caption(document: dict[str, Any]) -> str:
    """What was measured, on what."""
    hardware, plan = document["hardware"], document["plan"]
    records = [Path(document[key]).stem for key in ("record", "peer_record")]
    peers = f" (others {records[1]})" if records[1] != records[0] else ""
    return (
        f"{records[0]}{peers} on {hardware['processor']}, {hardware['cores']} cores, "
        f"{document['date']}; medians of {plan['rounds']} rounds of {plan['seconds']:g} s, "
        f"{document['sample']['images']:,} random images. "
        f"This project without a server, in batches of 32: {document['in_process_images_per_s']:,.0f} images/s."
    )


def section(document: dict[str, Any]) -> str:
    """A result in Markdown: a table of servers, or notes on this project alone."""
    return markdown_table(document) if "servers" in document else "\n".join(f"- {note}" for note in notes(document))


@app.command()
def table(
    page: Annotated[Path | None, typer.Argument(help=f"A Markdown file with {START} and {END}.")] = None,
    results: Annotated[list[Path] | None, typer.Argument(help="The benchmark's JSON documents, in order.")] = None,
    settings: Annotated[bool, typer.Option(help="Print the settings of every peer.")] = False,
) -> None:
    """Write the comparison into a page, between its markers."""
    if settings:
        print(settings_table(PEERS))
    if page:
        sections = [section(json.loads(path.read_text())) for path in results or []]
        page.write_text(between_markers(page.read_text(), "\n\n".join(sections)))


def between_markers(text: str, content: str) -> str:
    """A page with new content between its markers.

    Raises:
        BenchmarkError: it does not have each marker once, in order.
    """
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise BenchmarkError(f"the page has no lines {START} and {END}, in that order; add them where the table goes")
    return f"{before}{START}\n{content}\n{END}{after}"


if __name__ == "__main__":
    command.run(app)
