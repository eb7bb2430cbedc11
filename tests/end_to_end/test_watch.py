"""Every query of the dashboard has data in a real Prometheus after traffic, and no alert fires."""

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pixserve import Connection
from pixserve.endpoints import Endpoints
from serving.listeners import free_port
from serving.settings import PROJECT
from tests.conftest import CAT
from tests.end_to_end.launching import Launcher, started, wait_until

FOLDER = PROJECT / "deploy" / "observability"
DRIFT_WINDOW = 1000  # images


@pytest.fixture(scope="module")
def launcher(store: Path) -> Iterator[Launcher]:
    """A server with a launcher."""
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed; `apt-get install prometheus` brings it")
    with started(store) as launcher:
        yield launcher


@pytest.fixture(scope="module")
def prometheus(launcher: Launcher) -> Iterator[str]:
    """The address of a Prometheus that `watch.sh` runs, and that has scraped."""
    listen = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen([FOLDER / "watch.sh", launcher.directory.path, listen])
    try:
        wait_until(lambda: asked(listen, "pixserve_up"), timeout_s=60)
        yield listen
    finally:
        process.terminate()
        process.wait()


def asked(listen: str, query: str) -> list[dict[str, Any]]:
    """The result of a query; nothing while Prometheus does not answer yet."""
    try:
        reply = httpx.get(f"http://{listen}/api/v1/query", params={"query": query}, timeout=10)
    except httpx.TransportError:
        return []
    if reply.status_code == 503:  # it listens, and reads what it has kept
        return []
    answer = reply.json()
    assert answer["status"] == "success", answer
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


def traffic(launcher: Launcher) -> None:
    """Requests over both protocols, some of them bad; enough images for a window of drift."""
    url, cat = f"{launcher.settings.inference}/predictions/cifar10", CAT.read_bytes()
    many = {"instances": [{"b64": base64.b64encode(cat).decode()}] * 64}
    for _ in range(DRIFT_WINDOW // 64 + 1):
        assert httpx.post(f"{launcher.settings.inference}/v1/models/cifar10:predict", json=many).status_code == 200
    with Connection(Endpoints.of_runtime_dir(launcher.directory.path)).grpc() as client:
        for _ in range(5):
            client.predict(cat, model="cifar10")
            for body, path in ((cat, ""), (b"nonsense", ""), (cat, "x")):
                httpx.post(url + path, content=body, timeout=30)


def test_every_panel_has_data_after_traffic_and_no_alert_fires(launcher: Launcher, prometheus: str) -> None:
    panels = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
    waiting = {
        target["expr"].replace("$__rate_interval", "1m").replace("$__range", "1h"): panel["title"]
        for panel in panels
        for target in panel.get("targets", [])
    }
    assert len(waiting) > 20

    def all_have_data() -> bool:
        traffic(launcher)
        for query in list(waiting):
            found = asked(prometheus, query)
            if found and all(sample["value"][1] != "NaN" for sample in found):
                del waiting[query]
        return not waiting

    try:
        wait_until(all_have_data, timeout_s=90)
    except AssertionError:
        pytest.fail(f"no data: {waiting}")
    rules = httpx.get(f"http://{prometheus}/api/v1/rules", timeout=10).json()["data"]["groups"]
    assert [rule["name"] for group in rules for rule in group["rules"] if rule["health"] == "err"] == []
    assert [rule["name"] for group in rules for rule in group["rules"] if rule.get("state") == "firing"] == []
