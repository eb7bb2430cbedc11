"""Measure servers in interleaved rounds: each is started, warmed up, loaded at each number of connections, stopped."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks import processes
from benchmarks.cascade import images_by_stage, shares, stack_of
from benchmarks.contestants import Contestant
from benchmarks.errors import BenchmarkError
from benchmarks.in_process import Answers
from benchmarks.load import Load, run_wrk
from benchmarks.running import RunningServer
from benchmarks.uploads import Upload

WARM_UP_CONNECTIONS = 64
IDLE_TIMEOUT_S = 10
ERRORS = ("wrong", "refused", "failed", "socket_errors", "timeouts")


@dataclass(frozen=True)
class Plan:
    """What to measure: which servers, with how many connections, how often and for how long.

    `warm_up_s` is the load before the first measurement of each start; a server on a JVM gets `jvm_warm_up_s`, since
    its compiler takes half a minute to settle.
    """

    servers: tuple[str, ...]
    connections: tuple[int, ...]
    rounds: int
    seconds: float
    warm_up_s: float
    jvm_warm_up_s: float


@dataclass(frozen=True)
class Entry:
    """A server of the plan with the answers to expect of it."""

    name: str
    contestant: Contestant
    answers: Answers


@dataclass(frozen=True)
class Measurement:
    """One load of one server: memory is what it holds under that load, the first process of it apart.

    `stage_shares` is the share of images that each stage of a cascade answered, as the worker that was asked counts
    them; empty without a cascade.
    """

    server: str
    connections: int
    load: Load
    cpu_ms_per_request: float
    memory_mb: float
    first_process_mb: float
    start_s: float
    stage_shares: tuple[float, ...] = ()


def measure_round(plan: Plan, number: int, entries: Sequence[Entry]) -> Iterator[Measurement]:
    """Yield every measurement of a round as it is made; every other round goes through the servers backwards."""
    for entry in entries if number % 2 == 0 else reversed(entries):
        yield from measure_server(plan, entry)


def measure_server(plan: Plan, entry: Entry) -> Iterator[Measurement]:
    """Run one server, and load it with each number of connections, each time when it has become idle.

    A server is busy after a load: with requests that nobody waits for any more, or compiling what it has run.

    Raises:
        BenchmarkError: it computes with another engine than the one that gave the expected answers.
    """
    warm_up_s = plan.jvm_warm_up_s if entry.contestant.has_jvm else plan.warm_up_s
    uploads = entry.answers.uploads
    with entry.contestant.serve() as server:
        served, expected = stack_of(server.describe()), stack_of(entry.answers.description)
        if served != expected:
            raise BenchmarkError(
                f"{entry.contestant.title} serves with {served!r}; expected {expected!r} as in process"
            )
        run_wrk(server, uploads, connections=WARM_UP_CONNECTIONS, seconds=warm_up_s)
        for connections in plan.connections:
            processes.wait_until_idle(server.pid, timeout_s=IDLE_TIMEOUT_S)
            measured = measure_load(server, uploads, connections=connections, seconds=plan.seconds)
            yield replace(measured, server=entry.name)


def measure_load(server: RunningServer, uploads: Sequence[Upload], *, connections: int, seconds: float) -> Measurement:
    """Load a running server once."""
    before_s = processes.cpu_seconds(server.pid)
    load = run_wrk(server, uploads, connections=connections, seconds=seconds)
    used_s = processes.cpu_seconds(server.pid) - before_s
    memory_mb = processes.memory_mb(server.pid)
    return Measurement(
        server="",
        connections=connections,
        load=load,
        cpu_ms_per_request=1e3 * used_s / max(1, load.right),
        memory_mb=sum(memory_mb),
        first_process_mb=memory_mb[0],
        start_s=server.start_s,
        stage_shares=tuple(shares(images_by_stage(server.describe()))),
    )


def medians(measured: Sequence[Measurement]) -> list[dict[str, Any]]:
    """A row for each server and number of connections, fewest connections first.

    A row has the median of each figure over the rounds, and the sum of errors.
    """
    groups: dict[tuple[str, int], list[Measurement]] = {}
    for measurement in measured:
        groups.setdefault((measurement.server, measurement.connections), []).append(measurement)
    return [median_row(group) for group in sorted(groups.values(), key=lambda group: group[0].connections)]


def median_row(group: Sequence[Measurement]) -> dict[str, Any]:
    """One row of the table, from the measurements of the same load in each round."""
    figures = {
        "requests_per_s": [one.load.requests_per_s for one in group],
        "p50_ms": [one.load.p50_ms for one in group],
        "p99_ms": [one.load.p99_ms for one in group],
        "cpu_ms_per_request": [one.cpu_ms_per_request for one in group],
        "memory_mb": [one.memory_mb for one in group],
        "first_process_mb": [one.first_process_mb for one in group],
        "start_s": [one.start_s for one in group],
    }
    by_round = [one.stage_shares for one in group]
    return {
        "server": group[0].server,
        "connections": group[0].connections,
        **{name: rounded(statistics.median(values)) for name, values in figures.items()},
        "stage_shares": [rounded(statistics.median(of_stage)) for of_stage in zip(*by_round, strict=True)],
        **{name: sum(getattr(one.load, name) for one in group) for name in ("right", *ERRORS)},
        "requests_per_s_of_each_round": [rounded(value) for value in figures["requests_per_s"]],
        "p50_ms_of_each_round": [rounded(value) for value in figures["p50_ms"]],
        "unexpected": next((one.load.unexpected for one in group if one.load.unexpected), None),
    }


def rounded(value: float) -> float:
    """A figure with four significant digits."""
    return float(f"{value:.4g}")
