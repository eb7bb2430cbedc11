"""`pixserve top` shows what has come between two looks."""

import re

from operations.commands.top import service_line, version_rows
from operations.scrape import Scrape
from serving.settings import PROJECT

FIRST = """
pixserve_workers_wanted{model="m",version="1.0"} 2
pixserve_workers_ready{model="m",version="1.0"} 1
pixserve_default_version{model="m",version="1.0"} 1
pixserve_queue_requests{model="m",version="1.0"} 7
pixserve_requests_total{model="m",version="1.0",protocol="rest",status="200",error=""} 100
pixserve_requests_total{model="m",version="1.0",protocol="rest",status="415",error="NotAnImage"} 5
pixserve_responses_total{protocol="rest",status="200"} 100
pixserve_responses_total{protocol="rest",status="503"} 5
pixserve_process_resident_memory_bytes{role="worker",pid="1"} 1.5e9
"""
SECOND = (
    FIRST.replace("} 100\n", "} 300\n").replace('"503"} 5', '"503"} 9').replace('"NotAnImage"} 5', '"NotAnImage"} 6')
)


def looks() -> tuple[Scrape, Scrape]:
    return Scrape.of_text(FIRST, at_s=10), Scrape.of_text(SECOND, at_s=14)


def test_rates_are_of_the_time_between_two_looks() -> None:
    (row,) = version_rows(*looks())
    assert row["requests/s"] == 50.2  # 201 in 4 s
    assert (row["refused"], row["waiting"], row["workers"], row["default"]) == (1, 7, "1/2", "yes")
    assert row["batch ms p99"] is None
    assert service_line(*looks()).startswith("51.0 answers/s   4 server faults   p50 -   p99 -   0.00 cores   1.50 GB")


def test_operations_ask_for_metrics_that_the_reference_names() -> None:
    reference = (PROJECT / "docs" / "reference" / "metrics.md").read_text()
    known = set(re.findall(r"^\| `(pixserve_\w+)`", reference, re.MULTILINE))
    sources = [path.read_text() for path in (PROJECT / "operations").rglob("*.py")]
    asked = {name for source in sources for name in re.findall(r'"(pixserve_[a-z_]+)"', source)}
    assert asked
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in asked} <= known
