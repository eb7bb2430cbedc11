"""Versions that are retired, and a default that is rolled back, on a real TorchServe."""

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from operations.errors import (
    DrainTimedOutError,
)
from operations.switch import promote, roll_back
from pixserve import Connection
from pixserve.errors import ClientError, DefaultVersionError, NoWorkerError, VersionNotFoundError
from pixserve.retries import NO_RETRIES
from serving.settings import PROJECT
from tests.changed_archives import build_failing
from tests.end_to_end.rollouts.conftest import IMAGES, Service
from tests.pixserve.terminal import PIXSERVE, run_in_terminal
from tests.traffic import Load
from tests.two_versions import MODEL, NEW, OLD


def test_a_version_that_requests_name_is_not_retired(service: Service) -> None:
    service.management.register(f"{MODEL}-{NEW}.mar")
    service.add_workers(NEW, workers=2)
    with Load(service.connection, IMAGES, requests_per_s=100, version=NEW) as load:
        time.sleep(0.5)
        with pytest.raises(DrainTimedOutError, match="keep coming"):
            service.unregister(NEW, timeout_s=2)
    assert {(sample.version, sample.error) for sample in load.samples} == {(NEW, None)}
    assert load.lost == 0
    service.unregister(NEW)
    with service.connection.rest() as client, pytest.raises(VersionNotFoundError):
        client.predict(IMAGES[0], version=NEW)


def test_a_version_that_cannot_load_again_is_retired_though_a_request_waits(service: Service, tmp_path: Path) -> None:
    build_failing(service.folder, "gone", once=tmp_path / "fail")
    service.management.register(f"{MODEL}-gone.mar")
    service.add_workers("gone", workers=1)
    (tmp_path / "fail").touch()
    for workers in (0, 1):
        service.management.scale(MODEL, "gone", workers=workers)
    impatient = Connection(service.connection.endpoints, timeout_s=8)
    with impatient, impatient.rest() as client, ThreadPoolExecutor() as threads:
        answer = threads.submit(client.predict, IMAGES[0], version="gone")
        while not service.management.describe(MODEL, "gone").queued:
            assert not answer.done()
        service.unregister("gone", timeout_s=1)
        assert [version for version, _, _ in service.versions()] == [OLD]
        with pytest.raises(ClientError):
            answer.result()


def test_the_default_version_is_not_retired(service: Service) -> None:
    service.management.register(f"{MODEL}-{NEW}.mar")
    with pytest.raises(DefaultVersionError, match="promote another version first"):
        service.unregister(OLD)


def test_a_version_without_workers_says_so_over_rest_and_grpc(service: Service) -> None:
    service.management.register(f"{MODEL}-{NEW}.mar")
    with Connection(service.connection.endpoints, retries=NO_RETRIES) as connection:
        for client in (connection.rest(), connection.grpc()):
            with client, pytest.raises(NoWorkerError, match=f"{NEW} has no worker"):
                client.predict(IMAGES[0], version=NEW)


def test_rollback_undoes_the_last_promotion(service: Service) -> None:
    service.management.register(f"{MODEL}-{NEW}.mar")
    service.add_workers(NEW, workers=1)
    for version in (NEW, OLD):
        promote(service.connection, MODEL, version)
    assert roll_back(service.connection, MODEL) == (OLD, NEW)


def test_the_only_version_is_retired_only_where_that_is_said(service: Service) -> None:
    with pytest.raises(DefaultVersionError, match=r"pixserve retire 1\.0 --last"):
        service.unregister(OLD)
    done = subprocess.run(
        [*PIXSERVE, *service.options(), "retire", OLD, "--last"],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        check=False,
    )
    try:
        assert (done.returncode, done.stderr) == (0, "cifar10 1.0 is unregistered\n")
        assert service.management.models() == []
    finally:
        service.management.register(f"{MODEL}-{OLD}.mar")
        service.add_workers(OLD, workers=2)


def test_every_command_leaves_standard_output_to_its_result_at_a_terminal(service: Service, tmp_path: Path) -> None:
    image = tmp_path / "1.png"
    image.write_bytes(IMAGES[0])
    results = {
        ("models",): lambda text: json.loads(text)[0]["version"] == OLD,
        ("describe",): lambda text: json.loads(text)["version"] == OLD,
        ("health",): lambda text: text == "Healthy\n",
        ("health", "--grpc"): lambda text: text == "Healthy\n",
        ("predict", image, image, "--grpc"): lambda text: len([json.loads(line) for line in text.splitlines()]) == 2,
        ("register", f"{MODEL}-{NEW}.mar", "--workers", "1"): "2.0 is registered with 1 worker\r\n",
        ("promote", NEW): "2.0 is the default",
        ("rollback",): "1.0 is the default; 2.0 stays registered",
        ("scale", NEW, "2"): "2.0 has 2 workers",
        ("retire", NEW): "2.0 is unregistered",
    }
    for arguments, expected in results.items():
        done = run_in_terminal(*service.options(), *arguments, stdout=tmp_path / "out")
        assert done.returncode == 0, done.screen
        if isinstance(expected, str):
            assert (done.stdout, expected in done.screen) == (b"", True), done.screen
        else:
            assert expected(done.stdout.decode()), done.stdout
    done = run_in_terminal(*service.rollout_command(NEW), "--watch", "0", stdout=tmp_path / "out")
    assert (done.returncode, done.stdout) == (0, b"")
    assert "2.0 is the default; 1.0 stays" in done.screen
