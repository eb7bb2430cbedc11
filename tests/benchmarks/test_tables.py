"""Rounds become medians, and tables say what was measured."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.cascade import images_by_stage, shares, stack_of
from benchmarks.errors import BenchmarkError
from benchmarks.in_process import Answers
from benchmarks.load import Load
from benchmarks.notes import notes
from benchmarks.peers.environment import ENVIRONMENTS
from benchmarks.peers.settings import PEERS, settings_table
from benchmarks.ratios import ratios
from benchmarks.rounds import Entry, Measurement, Plan, measure_server, medians
from benchmarks.running import RunningServer
from benchmarks.table import END, START, between_markers, markdown_table
from serving.settings import PROJECT


def measurement(requests_per_s: float, **counts: int) -> Measurement:
    none = dict.fromkeys(("right", "wrong", "refused", "failed", "socket_errors", "timeouts"), 0)
    load = Load(requests_per_s=requests_per_s, p50_ms=1, p99_ms=2, **(none | counts))
    return Measurement("project", 8, load, cpu_ms_per_request=1, memory_mb=900, first_process_mb=400, start_s=5)


def test_rounds_become_medians_and_errors_their_sum():
    (row,) = medians([measurement(100, wrong=1), measurement(300), measurement(120, wrong=2, timeouts=1)])
    assert (row["requests_per_s"], row["wrong"], row["timeouts"]) == (120, 3, 1)
    assert row["requests_per_s_of_each_round"] == [100, 300, 120]


def test_rows_go_from_few_connections_to_many_whatever_was_measured_first():
    many, few = measurement(300), measurement(100)
    assert [row["requests_per_s"] for row in medians([replace(many, connections=64), few])] == [100, 300]


def test_the_shares_of_a_cascades_stages_are_medians_over_the_rounds():
    rounds = [replace(measurement(100), stage_shares=(1 - share, share)) for share in (0.25, 0.125, 0.5)]
    assert medians(rounds)[0]["stage_shares"] == [0.75, 0.25]
    assert medians([measurement(100)])[0]["stage_shares"] == []


def test_stages_share_the_images_that_they_have_answered():
    stages = [{"name": "small", "images": 70}, {"name": "large", "images": 30}]
    assert shares(images_by_stage({"stages": stages})) == [0.7, 0.3]


@pytest.mark.parametrize("description", [{}, {"stages": [{"images": 5}]}, {"stages": [{"images": 0}, {"images": 0}]}])
def test_one_network_has_no_shares(description):
    assert shares(images_by_stage(description)) == []


def test_a_stack_is_its_engine_and_the_precisions_of_its_stages():
    stages = [{"precision": "int8"}, {"precision": "fp32"}]
    assert stack_of({"engine": "openvino 2026.4.1", "stages": stages}) == "openvino 2026.4.1, int8 + fp32"
    assert stack_of({}) == ""


class Computes:
    """A contestant whose server says that this engine computes."""

    title, has_jvm = "this project", False

    def __init__(self, engine: str) -> None:
        self.engine = engine

    @contextmanager
    def serve(self) -> Iterator[RunningServer]:
        yield RunningServer("http://127.0.0.1:9/", 0, 0, describe=lambda: {"engine": self.engine})


def test_a_server_with_another_engine_than_in_process_is_not_measured():
    answers = Answers((), None, {"engine": "openvino"})
    plan = Plan(("project",), (1,), rounds=1, seconds=1, warm_up_s=1, jvm_warm_up_s=1)
    with pytest.raises(BenchmarkError, match="serves with 'torch'; expected 'openvino' as in process"):
        next(measure_server(plan, Entry("project", Computes("torch"), answers)))


DOCUMENT: dict[str, Any] = {
    "record": "cifar10-1.0.json",
    "peer_record": "cifar10-1.0.json",
    "date": "2026-01-31",
    "hardware": {"processor": "A processor", "cores": 2},
    "plan": {"rounds": 3, "seconds": 8},
    "sample": {"images": 1000},
    "in_process_images_per_s": 20650,
    "contestants": {
        "project": {"title": "this project", "precision": "as shipped", "accuracy_of_sample": 0.754},
        "mosec": {"title": "mosec", "precision": "bf16", "accuracy_of_sample": 0.753, "upload": "raw body"},
    },
    "servers": medians([measurement(7477.4, wrong=2, refused=1000)]),
}


def test_the_pages_table_says_throughput_accuracy_and_every_kind_of_error():
    table = markdown_table(json.loads(json.dumps(DOCUMENT)))
    assert "A processor, 2 cores" in table
    assert "20,650 images/s" in table
    cells = ["this project", "as shipped", "75.4%", "-", "7,477", "1", "2", "2 wrong, 1,000 503", "900"]
    assert table.splitlines()[-1] == "| " + " | ".join(f"**{cell}**" for cell in cells) + " |"


def test_a_server_that_reads_no_forms_says_so_in_the_table():
    rows = medians([replace(measurement(100), server="mosec")])
    assert "| mosec (raw body) | bf16 | 75.3% | - |" in markdown_table(DOCUMENT | {"servers": rows})


def test_the_share_of_each_stage_stands_beside_the_rate():
    rows = medians([replace(measurement(100), stage_shares=(0.701, 0.295, 0.004))])
    assert "| **70.1 / 29.5 / 0.4 %** | **100** |" in markdown_table(DOCUMENT | {"servers": rows})


def test_another_record_for_the_peers_stands_above_the_table():
    assert "cifar10-1.0 (others cifar10-2.0) on" in markdown_table(DOCUMENT | {"peer_record": "cifar10-2.0.json"})


def test_the_rate_beside_another_server_has_the_range_of_its_rounds():
    own = [measurement(300), measurement(200), measurement(250)]
    other = [replace(measurement(rate), server="mosec") for rate in (100, 100, 125)]
    (sentence,) = ratios(DOCUMENT | {"servers": medians([*own, *other])})
    assert sentence == "this project beside mosec: requests/s x 2.50 at 8 (2.00 to 3.00); p50 at 8 x 1.00"


def test_a_comparison_without_this_project_has_no_ratios():
    rows = medians([replace(measurement(100), server="mosec")])
    assert ratios(DOCUMENT | {"servers": rows}) == []


def test_what_concerns_the_project_alone_is_a_sentence_each():
    grpc = {"in_flight": 64, "channels": 2, "grpc_requests_per_s": 4000.0, "times_rest": 1.14, "grpc_errors": 0}
    assert notes({"many_connections": DOCUMENT["servers"], "photographs": [], "grpc": [grpc]}) == [
        "8 connections: 7,477 requests/s, errors: 1002.",
        "gRPC, 64 calls in flight on 2 channels: 4,000 requests/s, 1.14 times REST's; errors: 0.",
    ]


def test_the_table_goes_between_the_markers_and_nowhere_else():
    assert between_markers(f"above\n{START}\nold\n{END}\nbelow", "new") == f"above\n{START}\nnew\n{END}\nbelow"


@pytest.mark.parametrize("page", ["none", START, f"{END} {START}"])
def test_a_page_without_markers_is_refused(page):
    with pytest.raises(BenchmarkError, match="in that order"):
        between_markers(page, "new")


def test_the_reference_shows_the_settings_of_every_peer_as_they_are():
    assert settings_table(PEERS) in (PROJECT / "docs" / "reference" / "benchmarks.md").read_text()


def test_every_peer_has_a_line_of_settings_and_is_pinned_in_its_environment():
    lines = settings_table(PEERS).splitlines()
    assert len(lines) == 2 + len(PEERS)
    for peer in PEERS.values():
        pinned = ENVIRONMENTS[peer.environment].requirements.read_text()
        assert all(f"{package}==" in pinned or f"{package}[" in pinned for package in peer.packages)
