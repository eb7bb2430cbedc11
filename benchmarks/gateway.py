"""What the gateway costs: the same server asked directly, through it, and through it with TLS and an API key.

    python -m benchmarks.gateway --save benchmarks/results/gateway-1.0.json

The three are loaded in turn, round by round. The last line of standard output is one JSON document.
"""

import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks import command
from benchmarks.bench import RECORD
from benchmarks.contestants import ProjectContestant
from benchmarks.load import Load, run_wrk
from benchmarks.project import served
from benchmarks.results import header, report
from benchmarks.rounds import ERRORS, rounded
from benchmarks.running import RunningServer
from benchmarks.uploads import sample_images
from pixserve.commands.output import table_of
from serving.settings import Settings
from tests.gateways import gateway_before

DIRECT, PLAIN, TLS = "direct", "gateway", "gateway, TLS, key"
CONNECTIONS = (64, 1)

app = typer.Typer(add_completion=False, help=__doc__, rich_markup_mode=None)


@contextmanager
def ways(settings: Settings, running: RunningServer) -> Iterator[dict[str, RunningServer]]:
    """Yield the server as it is reached directly, through a gateway, and through one that asks for a key over TLS."""
    path = "/predictions/" + running.url.partition("/predictions/")[2]
    form = running.request_format
    with (
        gateway_before(settings, "plain") as plain,
        gateway_before(settings, "keyed", gateway_access="keys", gateway_key_rate="100000") as keyed,
    ):
        authorized = replace(form, headers={**form.headers, "Authorization": f"Bearer {keyed.key}"})
        yield {
            DIRECT: running,
            PLAIN: replace(running, url=plain.url + path),
            TLS: replace(running, url=f"https://{keyed.tls_address}{path}", request_format=authorized),
        }


def row(name: str, connections: int, loads: Sequence[Load], direct: Sequence[Load]) -> dict[str, Any]:
    """The medians of one way, and how it stands beside the direct one in the same rounds."""
    pairs = list(zip(loads, direct, strict=True))
    return {
        "way": name,
        "connections": connections,
        "requests_per_s": rounded(statistics.median(load.requests_per_s for load in loads)),
        "of_direct": rounded(statistics.median(one.requests_per_s / other.requests_per_s for one, other in pairs)),
        "p50_ms": rounded(statistics.median(load.p50_ms for load in loads)),
        "p50_ms_more": rounded(statistics.median(one.p50_ms - other.p50_ms for one, other in pairs)),
        "p99_ms": rounded(statistics.median(load.p99_ms for load in loads)),
        **{name: sum(getattr(load, name) for load in loads) for name in ("right", *ERRORS)},
    }


@app.command()
def cost(
    record: Annotated[Path, typer.Option(help="The training record to serve.")] = RECORD,
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    seconds: Annotated[float, typer.Option(min=1, help="Of each measurement.")] = 5,
    warm_up_s: Annotated[float, typer.Option(min=1, help="Seconds of load before the first round.")] = 30,
    save: Annotated[Path | None, typer.Option(help="Write the JSON document here too.")] = None,
) -> None:
    """Measure what the gateway costs."""
    uploads = ProjectContestant(record).answers(sample_images()).uploads
    with served(record) as (server, running), ways(server.settings, running) as reached:
        for way in reached.values():
            run_wrk(way, uploads, connections=64, seconds=warm_up_s / len(reached))
        loads: dict[tuple[str, int], list[Load]] = {}
        for number in range(rounds):
            for connections in CONNECTIONS:
                for name in reached if number % 2 == 0 else reversed(reached):
                    load = run_wrk(reached[name], uploads, connections=connections, seconds=seconds)
                    loads.setdefault((name, connections), []).append(load)
    rows = [
        row(name, connections, loads[name, connections], loads[DIRECT, connections])
        for connections in CONNECTIONS
        for name in reached
    ]
    Console(stderr=True).print(table_of(rows))
    document = header() | {"record": record.name, "rounds": rounds, "ways": rows}
    report(document, save=save)


if __name__ == "__main__":
    command.run(app)
