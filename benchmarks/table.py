"""The tables: one for the terminal, one for docs/reference/benchmarks.md, both from the bench's JSON document.

python -m benchmarks.table PAGE results.json …    rewrite what stands between the two markers
"""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.table import Table

from benchmarks.errors import BenchmarkError

START, END = "<!-- benchmark: start -->", "<!-- benchmark: end -->"
COLUMNS = {
    "server": "title",
    "precision": "precision",
    "connections": "connections",
    "requests/s": "requests_per_s",
    "p50 ms": "p50_ms",
    "p99 ms": "p99_ms",
    "errors": "errors",
    "CPU ms/request": "cpu_ms_per_request",
    "memory MB": "memory_mb",
    "start s": "start_s",
}
ERRORS = {"wrong": "wrong", "refused": "503", "failed": "other status", "socket_errors": "socket", "timeouts": "slow"}
P99_CONNECTIONS = 64
TEXT = ("title", "precision")

app = typer.Typer(add_completion=False, help=__doc__, rich_markup_mode=None)


def drawn(document: dict[str, Any]) -> Table:
    """Return the comparison as a table for a terminal."""
    table = Table(title=caption(document), title_justify="left")
    for heading, key in COLUMNS.items():
        table.add_column(heading, justify="left" if key in TEXT else "right")
    for row in document["servers"]:
        table.add_row(*cells(row), style="bold" if row["server"] == "project" else None)
    return table


def markdown(document: dict[str, Any]) -> str:
    """Return the comparison as a Markdown table, a line a server, with what it ran on above it."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in document["servers"]:
        groups.setdefault((row["server"], row["precision"]), []).append(row)
    widths = [f"{row['connections']}" for row in next(iter(groups.values()))]
    heading = ["server", *(f"{width} conn." for width in widths), f"p50 ms at {widths[0]}", "p99 ms", "errors", "MB"]
    lines = [heading, [":--", *["--:"] * (len(heading) - 1)], *lines_of(groups)]
    table = ["| " + " | ".join(line) + " |" for line in lines]
    notes = [f"- {finding}" for finding in findings(document)]
    return "\n".join([caption(document), "", *table, *([""] if notes else []), *notes])


def lines_of(groups: dict[tuple[str, str], list[dict[str, Any]]]) -> list[list[str]]:
    """Return a line for each server and precision, one precision after the other; it is named where there are two."""
    precisions = sorted({precision for _, precision in groups})
    return [
        line_of(rows, note=f", {precision}" if len(precisions) > 1 else "")
        for wanted in precisions
        for (_, precision), rows in groups.items()
        if precision == wanted
    ]


def line_of(rows: list[dict[str, Any]], *, note: str = "") -> list[str]:
    """Return a server's cells: requests/s at each width, p50 of the narrowest, p99 at 64, errors, memory."""
    at_64 = next((row for row in rows if row["connections"] == P99_CONNECTIONS), rows[-1])
    total = {key: sum(row[key] for row in rows) for key in ERRORS}
    cells = [
        rows[0]["title"] + note,
        *(shown(row, "requests_per_s") for row in rows),
        shown(rows[0], "p50_ms"),
        shown(at_64, "p99_ms"),
        errors(total),
        shown(at_64, "memory_mb"),
    ]
    return [f"**{cell}**" for cell in cells] if rows[0]["server"] == "project" else cells


def cells(row: dict[str, Any]) -> list[str]:
    """Return a row's figures as text."""
    return [shown(row | {"errors": errors(row)}, key) for key in COLUMNS.values()]


def errors(row: dict[str, Any]) -> str:
    """Return what went wrong, by kind, or 0: ``12 wrong, 3 timeouts``."""
    found = [f"{row[key]:,} {kind}" for key, kind in ERRORS.items() if row[key]]
    return ", ".join(found) or "0"


def shown(row: dict[str, Any], key: str) -> str:
    """Return one figure with as many digits as mean something."""
    value = row[key]
    if isinstance(value, str | int):
        return str(value)
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def caption(document: dict[str, Any]) -> str:
    """Return what was measured, on what."""
    hardware, plan = document["hardware"], document["plan"]
    ceilings = ", ".join(f"{rate:,.0f}/s ({name})" for name, rate in document["ceiling_pictures_per_s"].items())
    return (
        f"{document['record'].removesuffix('.json')} on {hardware['processor']}, {hardware['cores']} cores, "
        f"{document['date']}; medians of {plan['rounds']} rounds of {plan['seconds']:g} s. "
        f"Without a server, decoding and network alone: {ceilings}."
    )


def findings(document: dict[str, Any]) -> list[str]:
    """Return a sentence for each thing that was measured on this project alone; a quick run has none."""
    crowds = [
        f"{row['connections']:,} connections: {row['requests_per_s']:,.0f} requests/s, errors: {errors(row)}."
        for row in document.get("crowd", [])
    ]
    photos = [
        f"{photo['width']} x {photo['height']} JPEG, {photo['kind']}, {photo['megabytes']:.2g} MB, "
        f"{photo['connections']} connections: "
        f"{photo['times_full_decoding']:.3g} times the requests/s of full decoding; accuracy "
        + ", ".join(f"{name} {found['accuracy']:.1%}" for name, found in photo["servers"].items())
        + f", of {photo['photos']}."
        for photo in document.get("big_photos", [])
    ]
    calls = [
        f"gRPC, {call['in_flight']} calls in flight on {call['channels']} channels: "
        f"{call['grpc_requests_per_s']:,.0f} requests/s, {call['times_rest']:.3g} times REST's; "
        f"errors: {call['grpc_errors']}."
        for call in document.get("grpc", [])
    ]
    return [*crowds, *photos, *calls]


@app.command()
def table(
    page: Annotated[Path, typer.Argument(help=f"A Markdown file with {START} and {END}.")],
    results: Annotated[list[Path], typer.Argument(help="The bench's JSON documents, in order.")],
) -> None:
    """Write the comparison into a page, between its markers."""
    tables = [markdown(json.loads(path.read_text())) for path in results]
    page.write_text(between_markers(page.read_text(), "\n\n".join(tables)))


def between_markers(text: str, content: str) -> str:
    """Return a page with new content between its markers.

    Raises:
        BenchmarkError: it does not have each marker once, in order.
    """
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise BenchmarkError(f"the page has no lines {START} and {END}, in that order; add them where the table goes")
    return f"{before}{START}\n{content}\n{END}{after}"


def main() -> NoReturn:
    """Run the command line; a fault is one sentence on stderr and exit code 1."""
    try:
        app(standalone_mode=True)
    except BenchmarkError as fault:
        print(f"error: {fault}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
