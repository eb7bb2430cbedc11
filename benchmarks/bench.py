"""Compare this project with other servers in interleaved rounds; every answer is checked.

    python -m benchmarks.bench            every server, medians of 3 rounds (a quarter of an hour)
    python -m benchmarks.bench --quick    this project and gunicorn, two minutes
    python -m benchmarks.bench --servers project,baseline,mosec-openvino --connections 1,64

The table is for people; the last line of standard output is one JSON document.
"""

import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks import command
from benchmarks.cascade import stack_of
from benchmarks.contestants import BASELINE, NAMES, PROJECT, Contestant, ProjectContestant, contestant
from benchmarks.peers.environment import ENVIRONMENTS
from benchmarks.peers.settings import PEERS
from benchmarks.ratios import ratios
from benchmarks.results import header, report
from benchmarks.rounds import Entry, Measurement, Plan, measure_round, medians, rounded
from benchmarks.table import terminal_table
from benchmarks.uploads import SEED, TEST_IMAGES, Sample, sample_images
from serving.settings import PROJECT as ROOT

RECORD = ROOT / "model" / "cifar10-1.0.json"
BASELINE_COMMIT = "6d36096"  # the last with int8 written by hand in torch
TABLE_WIDTH = 150  # where stdout is no terminal, rich would take 80
EVERY_SERVER = ",".join(name for name in NAMES if name != BASELINE)
QUICK = Plan(servers=("gunicorn", PROJECT), connections=(8, 64), rounds=2, seconds=4, warm_up_s=4, jvm_warm_up_s=10)

app = typer.Typer(add_completion=False, help=__doc__, rich_markup_mode=None)
progress = Console(stderr=True, highlight=False, soft_wrap=True)


def prepare(contestants: dict[str, Contestant], sample: Sample) -> list[Entry]:
    """Install what every contestant needs, and find out what to expect of it."""
    entries = []
    for name, one in contestants.items():
        one.prepare()
        answers = one.answers(sample)
        accuracy = f", accuracy {answers.accuracy:.2%}" if answers.accuracy is not None else ""
        progress.print(f"{one.title}: answers without load known, {one.precision}{accuracy}")
        entries.append(Entry(name, one, answers))
    return entries


def measure(plan: Plan, entries: Sequence[Entry], sample: Sample, *, project: ProjectContestant) -> dict[str, Any]:
    """Measure every server, and this project without one, round by round; return the medians."""
    measured: list[Measurement] = []
    without_server: list[float] = []
    for number in range(plan.rounds):
        for one in measure_round(plan, number, entries):
            say(one, f"round {number + 1} of {plan.rounds}")
            measured.append(one)
        without_server.append(project.images_per_s(sample, seconds=plan.seconds))
    return {
        "servers": medians(measured),
        "in_process_images_per_s": rounded(statistics.median(without_server)),
        "in_process_images_per_s_of_each_round": [rounded(rate) for rate in without_server],
    }


def facts(entry: Entry) -> dict[str, Any]:
    """What a contestant is: versions, settings, and its answers to the sample without load."""
    found: dict[str, Any] = {
        "title": entry.contestant.title,
        "precision": stack_of(entry.answers.description) or entry.contestant.precision,
        "accuracy_of_sample": entry.answers.accuracy,
        "images_with_two_right_classes": sum(len(upload.expected) > 1 for upload in entry.answers.uploads),
        "stage_shares_of_sample": list(entry.answers.stage_shares),
        "description": dict(entry.answers.description),
    }
    if peer := PEERS.get(entry.name):
        versions = ENVIRONMENTS[peer.environment].versions(peer.packages)
        upload = peer.request_format.title
        found |= {"settings": peer.settings, "source": peer.source, "upload": upload, "versions": versions}
    return found


def say(one: Measurement, when: str) -> None:
    """Tell who waits what has just been measured, on stderr."""
    progress.print(
        f"{when}: {one.server}, {one.connections} connections: {one.load.requests_per_s:,.0f} requests/s, "
        f"p50 {one.load.p50_ms:.3g} ms, {one.load.errors} errors"
    )


@app.command()
def bench(
    record: Annotated[Path, typer.Option(help="The training record that this project serves.")] = RECORD,
    peer_record: Annotated[
        Path | None, typer.Option(help="What the peers and the older commit serve, where it is another.")
    ] = None,
    servers: Annotated[str, typer.Option(help=f"Any of {', '.join(NAMES)}.")] = EVERY_SERVER,
    connections: Annotated[str, typer.Option(help="Concurrent connections.")] = "1,8,64,256",
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    seconds: Annotated[float, typer.Option(min=1, help="Of each measurement.")] = 4,
    warm_up_s: Annotated[float, typer.Option(min=1, help="Seconds of load before a server is measured.")] = 5,
    jvm_warm_up_s: Annotated[float, typer.Option(min=1, help="The same, for a server on a JVM.")] = 30,
    baseline_commit: Annotated[str, typer.Option(help=f"What `{BASELINE}` is.")] = BASELINE_COMMIT,
    images: Annotated[Path, typer.Option(help="Labelled images to send, <class>/*.jpg.")] = TEST_IMAGES,
    quick: Annotated[bool, typer.Option(help="A short run that later changes can be held against.")] = False,
    save: Annotated[Path | None, typer.Option(help="Write the JSON document here too.")] = None,
) -> None:
    """Compare this project with other servers."""
    plan = QUICK
    if not quick:
        chosen, widths = command.words(servers, choices=NAMES), command.integers(connections)
        plan = Plan(chosen, widths, rounds, seconds, warm_up_s, jvm_warm_up_s)
    peer_record = peer_record or record
    found = {
        name: contestant(name, record=record, peer_record=peer_record, baseline_commit=baseline_commit)
        for name in plan.servers
    }
    document, sample = header(), sample_images(folder=images)
    entries = prepare(found, sample)
    document |= {
        "record": record.name,
        "peer_record": peer_record.name,
        "sample": {"images": len(sample.jpegs), "of_the_test_images": bool(sample.labels), "seed": SEED},
        "plan": asdict(plan),
        "contestants": {entry.name: facts(entry) for entry in entries},
        **measure(plan, entries, sample, project=ProjectContestant(record)),
    }
    Console(width=TABLE_WIDTH).print(terminal_table(document))
    for sentence in ratios(document):
        print(sentence)
    report(document, save=save)


if __name__ == "__main__":
    command.run(app)
