"""Rollouts against a real TorchServe: what is good goes in, what is bad stays out, and traffic notices neither."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from operations.commands.rollout import phase_sentence
from operations.errors import (
    ClassNamesError,
    DrainTimedOutError,
    GateRefusedError,
    NoEarlierVersionError,
    NotLoadedError,
    RolledBackError,
)
from operations.events import Event, Listener, Phase, PhaseStarted
from operations.loading import add_workers
from operations.plan import Plan
from operations.quiesce import scale_down, unregister_gracefully
from operations.rollout import Rollout
from operations.switch import promote, roll_back
from pixserve import Connection
from pixserve.errors import ClientError, DefaultVersionError, NoWorkerError, VersionNotFoundError
from pixserve.refused_archives import refusal
from pixserve.retries import NO_RETRIES
from serving.server import Server
from serving.settings import PROJECT
from tests.changed_archives import build_failing, network, rewrite, weights
from tests.pixserve.terminal import PIXSERVE, run_in_terminal
from tests.traffic import Load
from tests.two_versions import GENEROUS, MODEL, NEW, OLD, build, generated_images, label_images, two_versions

IMAGES = generated_images(40)


class Service:
    """The module's server, its versions, and what tests do to them."""

    def __init__(self, server: Server, connection: Connection, folder: Path) -> None:
        self.server = server
        self.connection = connection
        self.management = connection.management
        self.runtime_directory = server.settings.runtime_directory
        self.folder = folder
        self.gate = label_images(connection, IMAGES, folder=folder / "gate")

    def roll_out(self, version: str, *, listener: Listener = lambda event: None, **options: Any) -> None:
        """Roll a version out whose archive is in the store; the gate does not judge by the clock."""
        plan = Plan(f"{MODEL}-{version}.mar", self.gate, **{"workers": 1, "limits": GENEROUS, "watch_s": 0} | options)
        Rollout(self.connection, model=MODEL, plan=plan, listener=listener).run()

    def unregister(self, version: str, *, timeout_s: float = 30) -> None:
        unregister_gracefully(
            self.management, MODEL, version, runtime_directory=self.runtime_directory, timeout_s=timeout_s
        )

    def add_workers(self, version: str, *, workers: int) -> None:
        add_workers(self.management, MODEL, version, workers=workers, runtime_directory=self.runtime_directory)

    def refusal(self, version: str) -> str | None:
        return refusal(self.folder / "store" / f"{MODEL}-{version}.mar")

    def versions(self) -> list[tuple[str, bool, int]]:
        """Every version, whether it is the default, and its ready workers."""
        found = self.management.versions(MODEL)
        return [(version.version, version.is_default, version.ready_workers) for version in found]

    def load(self) -> Load:
        """Traffic that names no version."""
        return Load(self.connection, IMAGES, requests_per_s=100)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with two_versions() as (server, connection, folder):
        yield Service(server, connection, folder)


@pytest.fixture(autouse=True)
def as_it_was(service: Service) -> Iterator[None]:
    """Every test begins with one version and leaves it so."""
    yield
    service.management.set_default(MODEL, OLD)
    service.runtime_directory.default_history.unlink(missing_ok=True)
    for version in service.management.versions(MODEL):
        if version.version != OLD:
            service.unregister(version.version)


def test_versions_and_workers_come_and_go_and_no_request_fails(service: Service) -> None:
    with service.load() as load:
        service.roll_out(NEW)
        time.sleep(0.5)
        roll_back(service.connection, MODEL)
        service.unregister(NEW)
        service.management.register(f"{MODEL}-{NEW}.mar")
        service.add_workers(NEW, workers=2)
        described = service.management.describe(MODEL, OLD)
        scale_down(service.management, described, workers=1, runtime_directory=service.runtime_directory)
        time.sleep(0.5)
        service.add_workers(OLD, workers=2)
    assert [sample for sample in load.samples if sample.error] == []
    assert load.lost == 0
    assert {sample.version for sample in load.samples} == {OLD, NEW}
    assert {sample.protocol for sample in load.samples} == {"REST", "gRPC"}


@pytest.mark.parametrize(
    ("contents", "error", "because"),
    [
        ({"pt": weights(fc3_weight=-1, fc3_bias=-1)}, GateRefusedError, "accuracy fell from 100.0% to"),
        ({"pt": weights()}, NotLoadedError, "holds no weights of LeNet"),
        ({"py": network("import time; time.sleep(60)", before="super()")}, NotLoadedError, "was not ready after 4 s"),
        (
            {"py": network("assert pixels.float().std() < 1, 'a test'", before="x = (pixels")},
            GateRefusedError,
            "calls failed, first",
        ),
    ],
    ids=["answers wrongly", "weights of another network", "loads too slowly", "fails on real images"],
)
def test_a_bad_archive_is_refused_and_traffic_never_sees_it(
    service: Service, contents: dict[str, bytes], error: type[Exception], because: str
) -> None:
    before = service.versions()
    rewrite(build(service.folder, "bad"), **contents)
    with service.load() as load, pytest.raises(error, match=because):
        service.roll_out("bad", ready_timeout_s=4 if "ready" in because else 60)
    assert {(sample.version, sample.error) for sample in load.samples} == {(OLD, None)}
    assert service.versions() == before
    assert because in (service.refusal("bad") or "")


@pytest.mark.parametrize(
    ("phase", "error", "because"),
    [
        (Phase.COMPARING, GateRefusedError, r"calls failed, first .* Worker died"),
        (Phase.WATCHING, RolledBackError, r"failed \d of \d+ probes: Worker died"),
    ],
)
def test_a_worker_that_dies_once_is_not_hidden_by_a_retry(
    service: Service, tmp_path: Path, phase: Phase, error: type[Exception], because: str
) -> None:
    marker = tmp_path / "die"
    line = f"m = __import__('pathlib').Path({str(marker)!r}); m.exists() and (m.unlink(), __import__('os')._exit(1))"
    rewrite(build(service.folder, "mortal"), py=network(line, before="x = (pixels"))

    def die_then(event: Event) -> None:
        if isinstance(event, PhaseStarted) and event.phase is phase:
            marker.touch()

    with pytest.raises(error, match=because):
        service.roll_out("mortal", listener=die_then, watch_s=60)
    assert not marker.exists()


def test_names_that_differ_are_found_before_anything_is_registered_and_mapped_by_the_option(service: Service) -> None:
    before, phases = service.versions(), []
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    build(service.folder, "renamed", class_names=names)
    with pytest.raises(ClassNamesError, match="--class-names airplane=plane,automobile=car"):
        service.roll_out("renamed", listener=phases.append)
    assert (service.versions(), phases) == (before, [])
    service.roll_out("renamed", class_names={"airplane": "plane", "automobile": "car"})
    assert service.management.default_version(MODEL) == "renamed"


def test_a_version_that_fails_once_it_is_the_default_is_rolled_back(service: Service, tmp_path: Path) -> None:
    before = service.versions()
    marker = tmp_path / "fail"
    build_failing(service.folder, "late", once=marker)

    def fail_when_watched(event: Event) -> None:
        if isinstance(event, PhaseStarted) and event.phase is Phase.WATCHING:
            marker.touch()

    with pytest.raises(RolledBackError, match="as the default, late failed"):
        service.roll_out("late", watch_s=60, listener=fail_when_watched)
    assert service.versions() == before
    assert "as the default, late failed" in (service.refusal("late") or "")
    with pytest.raises(NoEarlierVersionError):
        roll_back(service.connection, MODEL)


def test_a_rollout_is_repeated_safely_and_rolled_back_once(service: Service) -> None:
    service.roll_out(NEW)
    service.roll_out(NEW)
    assert service.versions() == [(OLD, False, 2), (NEW, True, 1)]
    assert roll_back(service.connection, MODEL) == (NEW, OLD)
    with pytest.raises(NoEarlierVersionError):
        roll_back(service.connection, MODEL)
    service.roll_out(NEW)
    assert service.management.default_version(MODEL) == NEW


def options(service: Service) -> list[str]:
    return ["--runtime-dir", str(service.runtime_directory.path)]


def rollout_command(service: Service, version: str) -> list[str]:
    """The arguments of a rollout whose gate does not judge by the clock."""
    line = [*options(service), "rollout", f"{MODEL}-{version}.mar", "--gate", str(service.gate)]
    return [*line, "--workers", "1", "--latency-factor", "50"]


def test_a_refused_rollout_shows_both_versions_and_has_an_exit_code_of_its_own(service: Service) -> None:
    rewrite(build(service.folder, "bad"), pt=weights(fc3_weight=-1, fc3_bias=-1))
    done = subprocess.run(
        [*PIXSERVE, *rollout_command(service, "bad")], capture_output=True, text=True, cwd=PROJECT, check=False
    )
    assert (done.returncode, done.stdout) == (4, "")
    assert re.search(r"│ bad +│ +320 │ .* refused", done.stderr)
    assert done.stderr.splitlines()[-1].startswith("error: cifar10 bad is refused: accuracy fell from 100.0%")


@pytest.mark.parametrize("phase", [Phase.LOADING, Phase.COMPARING, Phase.WATCHING])
def test_ctrl_c_leaves_the_server_as_it_was(service: Service, phase: Phase) -> None:
    before = service.versions()
    begun = phase_sentence(PhaseStarted(phase, OLD, NEW, 1), Plan(f"{MODEL}-{NEW}.mar", service.gate))
    with subprocess.Popen(
        [*PIXSERVE, *rollout_command(service, NEW)], stderr=subprocess.PIPE, text=True, cwd=PROJECT
    ) as rollout:
        assert rollout.stderr is not None
        for said in rollout.stderr:
            if said.strip() == begun:
                break
        time.sleep(0.3)
        os.kill(rollout.pid, signal.SIGINT)
        rest = rollout.stderr.read()
    assert rollout.returncode == 130
    assert "interrupted: the server is as it was" in rest
    assert "Traceback" not in rest
    assert service.versions() == before


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
        [*PIXSERVE, *options(service), "retire", OLD, "--last"],
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
        done = run_in_terminal(*options(service), *arguments, stdout=tmp_path / "out")
        assert done.returncode == 0, done.screen
        if isinstance(expected, str):
            assert (done.stdout, expected in done.screen) == (b"", True), done.screen
        else:
            assert expected(done.stdout.decode()), done.stdout
    done = run_in_terminal(*rollout_command(service, NEW), "--watch", "0", stdout=tmp_path / "out")
    assert (done.returncode, done.stdout) == (0, b"")
    assert "2.0 is the default; 1.0 stays" in done.screen
