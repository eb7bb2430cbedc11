"""What concerns this project alone: many connections, big photographs, gRPC (about five minutes).

    python -m benchmarks.extras --save benchmarks/results/extras-1.0.json

The last line of standard output is one JSON document.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks import command, grpc_load, photographs
from benchmarks.bench import RECORD
from benchmarks.contestants import PROJECT, ProjectContestant
from benchmarks.notes import notes
from benchmarks.results import header, report
from benchmarks.rounds import Entry, Plan, measure_round, medians
from benchmarks.uploads import TEST_IMAGES, sample_images

MANY_CONNECTIONS = (256, 1000)
PHOTOGRAPHS = 100
MIN_PHOTOGRAPH_S = 5  # a slow server answers few photographs a second

app = typer.Typer(add_completion=False, help=__doc__, rich_markup_mode=None)
progress = Console(stderr=True, highlight=False, soft_wrap=True)


def measure(record: Path, *, rounds: int, seconds: float, warm_up_s: float) -> dict[str, Any]:
    """Measure all three."""
    project = ProjectContestant(record)
    answers = project.answers(sample_images())
    plan = Plan((PROJECT,), MANY_CONNECTIONS, 1, seconds, warm_up_s, warm_up_s)
    many = medians(list(measure_round(plan, 0, [Entry(PROJECT, project, answers)])))
    progress.print("many connections: done; photographs next")
    found: list[dict[str, Any]] = []
    if TEST_IMAGES.is_dir():
        least_s = max(seconds, MIN_PHOTOGRAPH_S)
        found = photographs.measure(record, count=PHOTOGRAPHS, seconds=least_s, warm_up_s=least_s)
    else:
        progress.print(f"photographs left out: they are made from the CIFAR-10 images, and {TEST_IMAGES} is missing")
    progress.print("gRPC next")
    grpc = grpc_load.compare(record, answers.uploads, rounds=rounds, seconds=seconds, warm_up_s=warm_up_s)
    return {"many_connections": many, "photographs": found, "grpc": grpc}


@app.command()
def extras(
    record: Annotated[Path, typer.Option(help="The training record to serve.")] = RECORD,
    rounds: Annotated[int, typer.Option(min=1, help="Of gRPC beside REST.")] = 3,
    seconds: Annotated[float, typer.Option(min=1, help="Of each measurement.")] = 4,
    warm_up_s: Annotated[float, typer.Option(min=1, help="Seconds of load before a server is measured.")] = 20,
    save: Annotated[Path | None, typer.Option(help="Write the JSON document here too.")] = None,
) -> None:
    """Measure many connections, big photographs and gRPC."""
    document = header() | {
        "record": record.name,
        **measure(record, rounds=rounds, seconds=seconds, warm_up_s=warm_up_s),
    }
    for note in notes(document):
        print(note)
    report(document, save=save)


if __name__ == "__main__":
    command.run(app)
