"""One scrape address for the whole service: a real TorchServe, its workers, its launcher."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pixserve import Connection
from pixserve.endpoints import Endpoints
from pixserve.errors import ClientError
from serving.listeners import free_port
from serving.settings import PROJECT
from tests.conftest import CAT
from tests.end_to_end.launching import Launcher, started, wait_until

PAGE = PROJECT / "docs" / "reference" / "metrics.md"
ROW = re.compile(r"^\| `(pixserve_\w+)` \| (\w+) \| ([^|]*)\|", re.MULTILINE)


def page_table() -> dict[str, tuple[str, frozenset[str]]]:
    """Type and labels of each metric, by the reference."""
    return {
        name: (kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in ROW.findall(PAGE.read_text())
    }


class Scraped:
    """One answer of the scrape address."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families = list(text_string_to_metric_families(text))

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples of a name that have these labels."""
        return sum(
            sample.value
            for family in self.families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def table(self) -> dict[str, tuple[str, frozenset[str]]]:
        """Type and labels of each metric."""
        found = {}
        for family in self.families:
            name = family.name + ("_total" if family.type == "counter" else "")
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            found[name] = (family.type, frozenset(labels))
        return found


@pytest.fixture(scope="module")
def launcher(store: Path) -> Iterator[Launcher]:
    """A server with a launcher, and TorchServe's own metrics beside."""
    with started(store, torchserve_metrics_address=f"http://127.0.0.1:{free_port()}") as launcher:
        yield launcher


def scrape(launcher: Launcher) -> Scraped:
    """What Prometheus would get."""
    answer = httpx.get(f"{launcher.settings.properties['metrics_address']}/metrics", timeout=30)
    assert answer.status_code == 200
    return Scraped(answer.text)


def ask(launcher: Launcher) -> None:
    """Two good requests and four bad ones over REST, one of each over gRPC."""
    url = f"{launcher.settings.inference}/predictions/cifar10"
    cat = CAT.read_bytes()
    statuses = [httpx.post(url, content=body, timeout=30).status_code for body in (cat, b"", b"nonsense")]
    statuses += [httpx.post(f"{url}{path}", content=cat, timeout=30).status_code for path in ("/1.0", "/9.0", "x")]
    assert statuses == [200, 400, 415, 200, 404, 404]
    with Connection(Endpoints.of_runtime_dir(launcher.directory.path)).grpc() as client:
        client.predict(cat, model="cifar10")
        with pytest.raises(ClientError):
            client.predict(b"nonsense", model="cifar10")


def test_what_was_asked_is_what_is_counted_and_the_reference_names_all_of_it(launcher: Launcher) -> None:
    before = scrape(launcher)
    ask(launcher)
    after = scrape(launcher)

    def more(name: str, **labels: str) -> float:
        return after.value(name, **labels) - before.value(name, **labels)

    answered = {"model": "cifar10", "version": "1.0"}
    assert more("pixserve_requests_total", protocol="rest", status="200", error="", **answered) == 2
    assert more("pixserve_requests_total", protocol="rest", status="415", error="NotAnImage", **answered) == 1
    assert more("pixserve_requests_total", protocol="grpc", status="200", **answered) == 1
    assert more("pixserve_requests_total") == 6
    assert more("pixserve_images_total", stage="0", **answered) == 3
    assert more("pixserve_decode_seconds_count", **answered) == 3
    assert more("pixserve_image_bytes_total") == 3 * CAT.stat().st_size
    assert more("pixserve_responses_total", protocol="rest", status="404") == 2
    assert more("pixserve_responses_total") == 8
    assert more("pixserve_response_seconds_count") == 8
    assert after.value("pixserve_workers_ready") == after.value("pixserve_workers_wanted") > 0
    roles = [("torchserve", 1), ("launcher", 1), ("worker", after.value("pixserve_workers_ready"))]
    for role, processes in roles:
        found = [
            sample
            for family in after.families
            for sample in family.samples
            if sample.name == "pixserve_process_resident_memory_bytes" and sample.labels["role"] == role
        ]
        assert len(found) == processes
        assert all(sample.value > 1e6 for sample in found)
    documented = page_table()
    for name, (kind, labels) in after.table().items():
        assert documented[name][0] == kind
        assert labels <= documented[name][1], name
    assert set(documented) == set(after.table())


def test_promtool_has_no_complaint(launcher: Launcher) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed; `apt-get install prometheus` brings it")
    done = subprocess.run(["promtool", "check", "metrics"], input=scrape(launcher).text, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_killed_worker_takes_nothing_with_it(launcher: Launcher) -> None:
    launcher.predict()
    before = scrape(launcher)
    with Connection(Endpoints.of_runtime_dir(launcher.directory.path)) as connection:
        for worker in connection.management.describe("cifar10").workers:
            os.kill(worker.pid, signal.SIGKILL)
    names = ("pixserve_requests_total", "pixserve_images_total", "pixserve_batch_seconds_count")

    def is_as_before() -> bool:
        after = scrape(launcher)
        assert [after.value(name) for name in names] == [before.value(name) for name in names]
        starts = "pixserve_worker_starts_total"
        return after.value(starts) == before.value(starts) + before.value("pixserve_workers_wanted")

    wait_until(is_as_before, timeout_s=60)
    wait_until(lambda: scrape(launcher).value("pixserve_workers_ready") > 0, timeout_s=60)


def test_torchserves_own_metrics_are_served_beside(launcher: Launcher) -> None:
    launcher.predict()
    own = httpx.get(f"{launcher.settings.properties['torchserve_metrics_address']}/metrics", timeout=30)
    assert "ts_inference_requests_total" in own.text
    assert "ts_inference_requests_total" not in scrape(launcher).text


def test_counters_go_on_when_torchserve_ends_and_start_at_zero_with_the_launcher(launcher: Launcher) -> None:
    launcher.predict()
    before = scrape(launcher)
    launcher.front_end().kill()
    wait_until(lambda: scrape(launcher).value("pixserve_up") == 0)
    wait_until(lambda: scrape(launcher).value("pixserve_workers_ready") > 0)
    after = scrape(launcher)
    assert after.value("pixserve_server_restarts_total") == 1
    assert after.value("pixserve_requests_total") >= before.value("pixserve_requests_total") > 1
    assert launcher("stop").returncode == 0
    with pytest.raises(httpx.ConnectError):
        scrape(launcher)
    assert launcher("start").returncode == 0
    started = scrape(launcher)
    assert started.value("pixserve_requests_total") == 1  # the image that the server answers before it is ready
    assert started.value("pixserve_server_restarts_total") == 0
