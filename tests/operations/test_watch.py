"""The watch: a new default that fails or is slow is found, by what its users see."""

from pathlib import Path

import pytest

from operations import watch as watching
from operations.errors import RolledBackError
from operations.labelled_images import LabelledImage
from operations.watch import Watch
from tests.operations.small_versions import WORKER_DIED, after, versions


@pytest.fixture
def cats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[LabelledImage]:
    monkeypatch.setattr(watching, "PROBE_EVERY_S", 0)
    (tmp_path / "1.png").write_bytes(b"cat")
    return [LabelledImage(tmp_path / "1.png", "cat")]


def test_a_new_default_that_fails_is_found_with_its_last_error(cats: list[LabelledImage]) -> None:
    with (
        versions("v2", v1="cat", v2=WORKER_DIED) as client,
        pytest.raises(RolledBackError, match="v2 failed 20 of 20 probes: Worker died"),
    ):
        Watch(60, max_errors=0.01, latency_factor=2).run(client, cats, model="m", old="v1", new="v2")


def test_another_version_answering_counts_as_an_error(cats: list[LabelledImage]) -> None:
    with versions("v3", v1="cat", v3="cat") as client, pytest.raises(RolledBackError, match="version v3 answered"):
        Watch(60, max_errors=0.01, latency_factor=2).run(client, cats, model="m", old="v1", new="v2")


def test_a_new_default_that_is_surely_slower_than_the_old_version_is_found(cats: list[LabelledImage]) -> None:
    with (
        versions("v2", v1="cat", v2=after(0.1, "cat")) as client,
        pytest.raises(RolledBackError, match=r"v2 has a p50 of 1\d\d\.\d ms"),
    ):
        Watch(60, max_errors=0.01, latency_factor=2).run(client, cats, model="m", old="v1", new="v2")


def test_errors_are_judged_at_the_end_of_a_short_watch_too(cats: list[LabelledImage]) -> None:
    with (
        versions("v2", v1="cat", v2=WORKER_DIED) as client,
        pytest.raises(RolledBackError, match=r"v2 failed \d+ of \d+ probes: Worker died"),
    ):
        Watch(0.05, max_errors=0.01, latency_factor=2).run(client, cats, model="m", old="v1", new="v2")


def test_latencies_are_judged_at_the_end_of_a_short_watch_too(cats: list[LabelledImage]) -> None:
    with (
        versions("v2", v1="cat", v2=after(0.1, "cat")) as client,
        pytest.raises(RolledBackError, match=r"v2 has a p50 of 1\d\d\.\d ms"),
    ):
        Watch(6, max_errors=0.01, latency_factor=2).run(client, cats, model="m", old="v1", new="v2")


def test_errors_of_the_old_version_are_not_the_new_ones(cats: list[LabelledImage]) -> None:
    with versions("v2", v1=WORKER_DIED, v2="cat") as client:
        figures = Watch(0.5, max_errors=0.01, latency_factor=2).run(client, cats, model="m", old="v1", new="v2")
    assert ", 0 errors, p99 nan" in figures
