"""Counts outlive their process, once; series end with their version."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from serving.metrics.worker_files import WorkerFiles
from serving.settings import PROJECT

# A worker that answers a request of a version, says so, and waits to be killed.
WORKER = """
import sys
from handler.telemetry import REST, Telemetry
telemetry = Telemetry(model="m", version=sys.argv[1], stages=[{"name": "n", "precision": "fp32"}])
telemetry.begin(1)
telemetry.arrived(0, REST, {})
telemetry.decoded(0.002, 100)
telemetry.answered(0)
telemetry.end()
telemetry.begin(3)
print("counted", flush=True)
sys.stdin.read()
"""
REQUESTS, STARTS = "pixserve_requests_total", "pixserve_worker_starts_total"
IN_FLIGHT, DECODED = "pixserve_requests_in_flight", "pixserve_decode_seconds_bucket"


class Workers:
    """Processes that count into a folder, and the collector that reads it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registered: frozenset[tuple[str, str]] | None = frozenset({("m", "1.0")})
        self.collector = WorkerFiles(folder, lambda: self.registered)
        self.running: list[subprocess.Popen[str]] = []

    def start(self, version: str = "1.0") -> "subprocess.Popen[str]":
        environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(self.folder)}
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, version],
            cwd=PROJECT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert worker.stdout
        assert worker.stdout.readline() == "counted\n"
        self.running.append(worker)
        return worker

    def scrape(self, version: str = "1.0", **labels: str) -> dict[str, float]:
        """Values by name of one version's samples; of buckets the one of 5 ms."""
        registry = CollectorRegistry()
        registry.register(self.collector)
        found = {}
        for family in text_string_to_metric_families(generate_latest(registry).decode()):
            for sample in family.samples:
                if sample.labels.get("version") == version and sample.labels.get("le", "0.005") == "0.005":
                    found[sample.name] = sample.value
        return found


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    workers = Workers(tmp_path)
    yield workers
    for worker in workers.running:
        worker.kill()
        worker.communicate()


def kill(worker: "subprocess.Popen[str]") -> None:
    worker.kill()
    worker.communicate()


def test_what_a_killed_worker_has_counted_is_kept_once_and_what_it_was_doing_is_not(workers: Workers) -> None:
    first, _ = workers.start(), workers.start()
    found = workers.scrape()
    assert (found[REQUESTS], found[STARTS], found[DECODED], found[IN_FLIGHT]) == (2, 2, 2, 6)
    kill(first)
    for _ in range(2):
        found = workers.scrape()
        assert (found[REQUESTS], found[STARTS], found[DECODED], found[IN_FLIGHT]) == (2, 2, 2, 3)
    workers.start()
    found = workers.scrape()
    assert (found[REQUESTS], found[STARTS], found[DECODED], found[IN_FLIGHT]) == (3, 3, 3, 6)


def test_files_do_not_pile_up(workers: Workers) -> None:
    for _ in range(3):
        kill(workers.start())
        workers.scrape()
    assert sorted(path.name for path in workers.folder.iterdir()) == ["counter_0.db", "histogram_0.db"]


def test_a_version_that_is_retired_has_no_series_and_starts_at_zero_when_it_comes_back(workers: Workers) -> None:
    workers.registered = frozenset({("m", "1.0"), ("m", "2.0")})
    old, _ = workers.start("1.0"), workers.start("2.0")
    assert workers.scrape("1.0")[REQUESTS] == 1
    workers.registered = frozenset({("m", "2.0")})
    assert workers.scrape("1.0") == {}
    kill(old)
    assert workers.scrape("1.0") == {}
    assert workers.scrape("2.0")[REQUESTS] == 1
    workers.registered = frozenset({("m", "1.0"), ("m", "2.0")})
    assert workers.scrape("1.0") == {}
    workers.start("1.0")
    assert workers.scrape("1.0")[REQUESTS] == 1


def test_nothing_is_forgotten_while_torchserve_does_not_say_what_is_registered(workers: Workers) -> None:
    kill(workers.start())
    workers.scrape()
    workers.registered = None
    assert workers.scrape()[REQUESTS] == 1


def test_the_empty_file_of_a_worker_killed_while_it_began_does_no_harm(workers: Workers) -> None:
    workers.start()
    (workers.folder / "counter_1.db").touch()
    assert workers.scrape()[REQUESTS] == 1


@pytest.mark.parametrize("written_s", [1, 4e9])
def test_a_clock_that_is_set_ends_no_series(workers: Workers, written_s: float) -> None:
    workers.start()
    for path in workers.folder.glob("*.db"):
        os.utime(path, (written_s, written_s))
    for _ in range(2):
        assert workers.scrape()[IN_FLIGHT] == 3


def test_a_process_that_got_the_number_of_an_ended_one_does_not_keep_its_gauges(workers: Workers) -> None:
    kill(workers.start())
    workers.scrape()
    ours = workers.folder / f"gauge_livesum_{os.getpid()}.db"
    kill(worker := workers.start())
    (workers.folder / f"gauge_livesum_{worker.pid}.db").rename(ours)
    assert IN_FLIGHT not in workers.scrape()
    assert not ours.exists()
