"""Compare this project with its peers, in turns, every answer checked.

    python -m benchmarks.bench            everything (a good half hour)
    python -m benchmarks.bench --quick    this project, one peer and the ceiling, under two minutes

The table is for people; the last line of stdout is one JSON document.
"""

import json
import signal
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from benchmarks import big_photos, grpc_load, hardware
from benchmarks.ceiling import pictures_per_s
from benchmarks.contestants import CONTESTANTS
from benchmarks.errors import BenchmarkError
from benchmarks.peers.environment import build_environment
from benchmarks.pictures import TEST_PICTURES, Picture, read_pictures
from benchmarks.project import served_precision
from benchmarks.table import drawn, findings
from benchmarks.turns import Plan, Turn, medians, one_round, rounded
from serving.errors import ServingError
from serving.settings import PROJECT

RECORD = PROJECT / "model" / "cifar10-1.0.json"
TABLE_WIDTH = 132  # where stdout is no terminal, rich would take 80
CONNECTIONS = (1, 8, 64, 256)
# What is measured beside the precision that is served: torch has no eight bits for a peer to ask for in a line.
PRECISIONS_BESIDE = {"fp32": ("fp32",), "bf16": ("bf16", "fp32"), "int8": ("bf16", "fp32", "int8")}

CROWD = (256, 1000)
ACCURACY_PHOTOS = 100
LEAST_PHOTO_S = 5  # seconds; a slow server answers few photographs a second
QUICK = Plan(servers=("gunicorn", "project"), connections=(8, 64), rounds=2, seconds=4, warm_up_s=4)

app = typer.Typer(add_completion=False, help=__doc__, rich_markup_mode=None)
progress = Console(stderr=True, highlight=False)


def measure(plan: Plan, record: Path, pictures: Sequence[Picture]) -> dict[str, Any]:
    """Measure the servers of a plan and the ceiling of each precision, round by round."""
    measured: list[Turn] = []
    rates: dict[str, list[float]] = {precision: [] for precision in plan.precisions}
    for number in range(plan.rounds):
        for precision in plan.precisions:
            for turn in one_round(plan, number, record, pictures, precision=precision):
                say(turn, f"round {number + 1} of {plan.rounds}")
                measured.append(turn)
            rates[precision].append(pictures_per_s(record, precision, pictures, seconds=plan.seconds))
    ceiling = {precision: rounded(statistics.median(values)) for precision, values in rates.items()}
    rows = medians(measured)
    for row in rows:
        row["share_of_ceiling"] = rounded(row["requests_per_s"] / ceiling[row["precision"]])
    return {"servers": rows, "ceiling_pictures_per_s": ceiling}


def alone_measurements(plan: Plan, record: Path, pictures: Sequence[Picture]) -> dict[str, Any]:
    """Measure what concerns this project alone: a crowd of connections, big photographs, gRPC."""
    crowd = replace(plan, servers=("project",), connections=CROWD, rounds=1)
    crowded = medians(list(one_round(crowd, 0, record, pictures, precision=served_precision(record))))
    progress.print("a crowd of connections: done; photographs next")
    photos = []
    if TEST_PICTURES.is_dir():
        photos = big_photos.measure(
            record,
            accuracy_photos=ACCURACY_PHOTOS,
            seconds=max(plan.seconds, LEAST_PHOTO_S),
            warm_up_s=plan.warm_up_s,
        )
    else:
        progress.print(
            f"photographs left out: they are made from the CIFAR-10 pictures, and {TEST_PICTURES} is missing"
        )
    progress.print("gRPC next")
    grpc = grpc_load.compare(record, pictures, rounds=plan.rounds, seconds=plan.seconds, warm_up_s=plan.warm_up_s)
    return {"crowd": crowded, "big_photos": photos, "grpc": grpc}


def everything(plan: Plan, record: Path, *, alone: bool) -> dict[str, Any]:
    """Return the JSON document: what was measured, on what, and the figures."""
    machine, pictures = hardware.describe(), read_pictures(record)
    document = {
        "date": date.today().isoformat(),
        "record": record.name,
        "pictures": len(pictures),
        "hardware": machine,
        "plan": asdict(plan),
        **measure(plan, record, pictures),
    }
    return document | (alone_measurements(plan, record, pictures) if alone else {})


def say(turn: Turn, when: str) -> None:
    """Tell who waits what has just been measured, on stderr."""
    progress.print(
        f"{when}: {turn.server} {turn.precision}, {turn.connections} connections: "
        f"{turn.load.requests_per_s:,.0f} requests/s, {turn.load.errors} errors"
    )


@app.command()
def bench(
    record: Annotated[Path, typer.Option(help="The training record to serve.")] = RECORD,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    seconds: Annotated[float, typer.Option(min=1, help="Of each measurement.")] = 8,
    warm_up_s: Annotated[float, typer.Option(min=1, help="Seconds of load before a server is measured.")] = 8,
    connections: Annotated[list[int] | None, typer.Option(help="1, 8, 64 and 256 if none.")] = None,
    servers: Annotated[list[str] | None, typer.Option(help=f"Any of {', '.join(CONTESTANTS)}; all if none.")] = None,
    precisions: Annotated[
        list[str] | None, typer.Option(help="fp32, the served one, and bf16 for peers without that, if none.")
    ] = None,
    quick: Annotated[bool, typer.Option(help="A short run that later changes can be held against.")] = False,
    alone: Annotated[bool, typer.Option(help="Also a crowd of connections, photographs and gRPC.")] = True,
    save: Annotated[Path | None, typer.Option(help="Write the JSON document here too.")] = None,
) -> None:
    """Compare this project with its peers."""
    if quick:
        plan = QUICK
    else:
        plan = Plan(
            servers=tuple(servers or CONTESTANTS),
            connections=tuple(connections or CONNECTIONS),
            rounds=rounds,
            seconds=seconds,
            warm_up_s=warm_up_s,
            precisions=tuple(precisions or PRECISIONS_BESIDE[served_precision(record)]),
        )
    build_environment()
    document = everything(plan, record, alone=alone and not quick and not servers)
    Console(width=TABLE_WIDTH).print(drawn(document))
    for finding in findings(document):
        print(finding)
    if save:
        save.parent.mkdir(parents=True, exist_ok=True)
        save.write_text(json.dumps(document, indent=1) + "\n")
    print(json.dumps(document))


def main() -> NoReturn:
    """Run the command line; a fault is one sentence on stderr and exit code 1."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that servers are ended
    try:
        app(standalone_mode=True)
    except (BenchmarkError, ServingError) as fault:
        print(f"error: {fault}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
