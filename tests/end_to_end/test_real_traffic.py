"""The drill: a version that the gate finds good, and that refuses what users send, is rolled back by their traffic."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.project import change_config
from operations.errors import RolledBackError
from operations.plan import Plan
from operations.rollout import Rollout
from operations.scrape import Scrape
from pixserve import Connection, Endpoints
from pixserve.refused_archives import refusal
from tests.conftest import CAT
from tests.end_to_end.launching import Launcher
from tests.pixserve.terminal import run_on_screen
from tests.traffic import Load
from tests.two_versions import GENEROUS, MODEL, NEW, OLD, build, generated_images, label_images


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    """A server of version 1.0 whose store lies beside its runtime directory."""
    folder = Path(tempfile.mkdtemp(prefix="drill-"))
    build(folder, OLD)
    (folder / "run").mkdir()
    launcher = Launcher(folder / "run", folder / "store")
    assert launcher("start").returncode == 0
    yield launcher
    launcher("stop")
    shutil.rmtree(folder)


def test_a_version_that_refuses_users_images_is_rolled_back_by_their_traffic(launcher: Launcher) -> None:
    folder = launcher.settings.store.parent
    packed = build(folder, NEW)
    change_config(packed, {}, {"max_image_bytes": 10_000})  # as large as the gate's images, and far below a photograph
    assert CAT.stat().st_size > 10_000
    with Connection(Endpoints.of_runtime_dir(launcher.directory.path)) as connection:
        gate = label_images(connection, generated_images(40), folder=folder / "gate")
        plan = Plan(packed.name, gate, workers=1, limits=GENEROUS, watch_s=60)
        with (
            Load(connection, [CAT.read_bytes()], connections=4, requests_per_s=40),
            pytest.raises(RolledBackError, match=r"2\.0 refused or failed \d+\.\d% of \d+ real requests; 1\.0 did"),
        ):
            Rollout(connection, model=MODEL, plan=plan).run()
        assert connection.management.default_version(MODEL) == OLD
        assert "real requests" in (refusal(packed) or "")
        metrics = Scrape.of_address(connection.endpoints.metrics or "")
    assert metrics.sum("pixserve_rollouts_total", model=MODEL, result="rolled_back") == 1
    assert metrics.sum("pixserve_rollouts_total", model=MODEL) == 1
    assert metrics.sum("pixserve_requests_total", version=NEW) == 0  # its series ended with it


def test_top_shows_the_version_that_answers(launcher: Launcher) -> None:
    launcher.predict()
    shown = run_on_screen("--runtime-dir", launcher.directory.path, "top", "--every", "1", "--count", "1")
    assert shown.returncode == 0
    assert "answers/s" in shown.screen
    assert OLD in shown.screen
