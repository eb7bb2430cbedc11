"""Measure servers in turns: round by round, each is started, warmed up, loaded at each width, and stopped."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import processes
from benchmarks.contestants import CONTESTANTS
from benchmarks.load import Load, run_wrk
from benchmarks.pictures import Picture

WARM_UP_CONNECTIONS = 64
REST_S = 10  # waited for at most
ERRORS = ("wrong", "refused", "failed", "socket_errors", "timeouts")


@dataclass(frozen=True)
class Plan:
    """What to measure: which servers, how wide, how often and for how long."""

    servers: tuple[str, ...]
    connections: tuple[int, ...]
    rounds: int
    seconds: float
    warm_up_s: float
    precisions: tuple[str, ...] = ("fp32",)


@dataclass(frozen=True)
class Turn:
    """One load of one server: memory is what it holds under that load, the first process of it apart."""

    server: str
    precision: str
    connections: int
    load: Load
    cpu_ms_per_request: float
    memory_mb: float
    first_process_mb: float
    start_s: float


def one_round(plan: Plan, number: int, record: Path, pictures: Sequence[Picture], *, precision: str) -> Iterator[Turn]:
    """Yield every turn of a round as it has been measured; every other round goes through the servers backwards.

    Servers that cannot compute in this precision are left out.
    """
    servers = [server for server in plan.servers if precision in CONTESTANTS[server].precisions]
    for server in servers if number % 2 == 0 else reversed(servers):
        yield from turns_of(server, plan, record, pictures, precision=precision)


def turns_of(server: str, plan: Plan, record: Path, pictures: Sequence[Picture], *, precision: str) -> Iterator[Turn]:
    """Run one server, and load it with each number of connections, each time when it has come to rest.

    A server is busy after a load: with requests that nobody waits for any more, or compiling what it has run.
    """
    with CONTESTANTS[server].start(record, precision) as running:
        run_wrk(running.url, pictures, connections=WARM_UP_CONNECTIONS, seconds=plan.warm_up_s)
        for connections in plan.connections:
            processes.wait_for_rest(running.pid, timeout_s=REST_S)
            before_s = processes.cpu_seconds(running.pid)
            load = run_wrk(running.url, pictures, connections=connections, seconds=plan.seconds)
            used_s = processes.cpu_seconds(running.pid) - before_s
            memory_mb = processes.memory_mb(running.pid)
            yield Turn(
                server=server,
                precision=precision,
                connections=connections,
                load=load,
                cpu_ms_per_request=1e3 * used_s / max(1, load.right),
                memory_mb=sum(memory_mb),
                first_process_mb=memory_mb[0],
                start_s=running.start_s,
            )


def medians(measured: Sequence[Turn]) -> list[dict[str, Any]]:
    """Return a row for each server, precision and width, the narrowest first.

    A row has the median of each figure over the rounds, and the sum of errors.
    """
    groups: dict[tuple[str, str, int], list[Turn]] = {}
    for turn in measured:
        groups.setdefault((turn.precision, turn.server, turn.connections), []).append(turn)
    return [median_row(group) for group in sorted(groups.values(), key=lambda group: group[0].connections)]


def median_row(group: Sequence[Turn]) -> dict[str, Any]:
    """Return one row of the table, from the turns that measured the same."""
    figures = {
        "requests_per_s": [turn.load.requests_per_s for turn in group],
        "p50_ms": [turn.load.p50_ms for turn in group],
        "p99_ms": [turn.load.p99_ms for turn in group],
        "cpu_ms_per_request": [turn.cpu_ms_per_request for turn in group],
        "memory_mb": [turn.memory_mb for turn in group],
        "first_process_mb": [turn.first_process_mb for turn in group],
        "start_s": [turn.start_s for turn in group],
    }
    counts = {name: sum(getattr(turn.load, name) for turn in group) for name in ("right", *ERRORS)}
    first = group[0]
    return {
        "server": first.server,
        "title": CONTESTANTS[first.server].title,
        "precision": first.precision,
        "connections": first.connections,
        **{name: rounded(statistics.median(values)) for name, values in figures.items()},
        **counts,
        "requests_per_s_of_each_round": [rounded(value) for value in figures["requests_per_s"]],
        "unexpected": next((turn.load.unexpected for turn in group if turn.load.unexpected), None),
    }


def rounded(value: float) -> float:
    """Return a figure with four significant digits."""
    return float(f"{value:.4g}")
