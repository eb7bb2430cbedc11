"""Rollouts against a real TorchServe: what is good goes in, what is bad stays out, and traffic notices neither."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.rollout_drill import (
    GENEROUS,
    MODEL,
    NEW,
    OLD,
    Drill,
    Timeline,
    build,
    generated_pictures,
    label_pictures,
    two_versions,
)
from benchmarks.rollout_load import Load
from operations.errors import (
    GateRefusedError,
    NoEarlierVersionError,
    NotLoadedError,
    NotQuietError,
    RolledBackError,
)
from operations.loading import add_workers
from operations.quiesce import remove
from operations.rollout import Plan, Progress, Rollout
from operations.switch import roll_back
from pixserve import Connection
from pixserve.errors import ClientError, DefaultVersionError, NoWorkerError, VersionNotFoundError
from pixserve.retries import NO_RETRIES
from serving.server import Server
from serving.settings import PROJECT
from tests.changed_archives import build_failing, network, rewrite, weights

PICTURES = generated_pictures(40)


class Service:
    """The module's server, its versions, and what tests do to them."""

    def __init__(self, server: Server, connection: Connection, folder: Path) -> None:
        self.server = server
        self.connection = connection
        self.management = connection.management
        self.runtime_directory = server.settings.runtime_directory
        self.folder = folder
        self.gate = label_pictures(connection, PICTURES, folder=folder / "gate")

    def roll_out(self, version: str, *, watch_s: float = 0, ready_timeout_s: float = 60, **options: Progress) -> None:
        """Roll a version out whose archive is in the store; the gate does not judge by the clock."""
        plan = Plan(
            f"{MODEL}-{version}.mar",
            self.gate,
            workers=1,
            limits=GENEROUS,
            watch_s=watch_s,
            ready_timeout_s=ready_timeout_s,
        )
        Rollout(self.connection, model=MODEL, plan=plan, **options).run()

    def versions(self) -> list[tuple[str, bool, int]]:
        """Every version, whether it is the default, and its ready workers."""
        found = self.management.versions(MODEL)
        return [(version.version, version.is_default, version.ready_workers) for version in found]

    def load(self) -> Load:
        """Traffic that names no version."""
        return Load(self.connection, PICTURES, requests_per_s=100)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with two_versions() as (server, connection, folder):
        yield Service(server, connection, folder)


@pytest.fixture(autouse=True)
def as_it_was(service: Service) -> Iterator[None]:
    """Every test begins with one version and leaves it so."""
    yield
    service.management.set_default(MODEL, OLD)
    for version in service.management.versions(MODEL):
        if version.version != OLD:
            remove(service.management, MODEL, version.version, runtime_directory=service.runtime_directory)


def test_versions_and_workers_come_and_go_and_no_request_fails(service: Service) -> None:
    timeline = Timeline()
    timeline.begin("calm")
    drill = Drill(service.connection, service.gate, timeline)
    with service.load() as load:
        drill.there_and_back(times=1)
        drill.retire_and_register(times=1)
        drill.scale(times=2)
    assert [sample for sample in load.samples if sample.error] == []
    assert load.lost == 0
    assert {sample.version for sample in load.samples} == {OLD, NEW}
    assert {sample.wire for sample in load.samples} == {"REST", "gRPC"}


@pytest.mark.parametrize(
    ("contents", "refusal", "because"),
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
    ids=["answers wrongly", "weights of another network", "loads too slowly", "fails on real pictures"],
)
def test_a_bad_archive_is_refused_and_traffic_never_sees_it(
    service: Service, contents: dict[str, bytes], refusal: type[Exception], because: str
) -> None:
    before = service.versions()
    rewrite(build(service.folder, "bad"), **contents)
    with service.load() as load, pytest.raises(refusal, match=because):
        service.roll_out("bad", ready_timeout_s=4 if "ready" in because else 60)
    assert {(sample.version, sample.error) for sample in load.samples} == {(OLD, None)}
    assert service.versions() == before


def test_a_version_that_fails_once_it_is_the_default_is_rolled_back(service: Service, tmp_path: Path) -> None:
    before = service.versions()
    marker = tmp_path / "fail"
    build_failing(service.folder, "late", once=marker)

    def fail_when_watched(sentence: str) -> None:
        if "watching" in sentence:
            marker.touch()

    with pytest.raises(RolledBackError, match="as the default, late failed"):
        service.roll_out("late", watch_s=60, progress=Progress(step=fail_when_watched))
    assert service.versions() == before


def test_a_rollout_is_repeated_safely_and_rolled_back_once(service: Service) -> None:
    service.roll_out(NEW)
    service.roll_out(NEW)
    assert service.versions() == [(OLD, False, 2), (NEW, True, 1)]
    assert roll_back(service.connection, MODEL) == (NEW, OLD)
    with pytest.raises(NoEarlierVersionError):
        roll_back(service.connection, MODEL)
    service.roll_out(NEW)
    assert service.management.default_version(MODEL) == NEW


def command(service: Service, version: str) -> list[str]:
    """The command line of a rollout whose gate does not judge by the clock."""
    line = [
        sys.executable,
        "-u",
        "-m",
        "pixserve",
        "--runtime-dir",
        str(service.runtime_directory.path),
        "rollout",
        f"{MODEL}-{version}.mar",
    ]
    return [*line, "--gate", str(service.gate), "--workers", "1", "--p99-factor", "50"]


def test_a_refused_rollout_shows_both_versions_and_has_an_exit_code_of_its_own(service: Service) -> None:
    rewrite(build(service.folder, "bad"), pt=weights(fc3_weight=-1, fc3_bias=-1))
    done = subprocess.run(command(service, "bad"), capture_output=True, text=True, cwd=PROJECT, check=False)
    assert (done.returncode, done.stdout) == (4, "")
    assert re.search(r"│ bad +│ +320 │ .* refused", done.stderr)
    assert done.stderr.splitlines()[-1].startswith("error: cifar10 bad is refused: accuracy fell from 100.0%")


@pytest.mark.parametrize("step", ["loading", "comparing", "watching"])
def test_ctrl_c_leaves_the_server_as_it_was(service: Service, step: str) -> None:
    before = service.versions()
    with subprocess.Popen(command(service, NEW), stderr=subprocess.PIPE, text=True, cwd=PROJECT) as rollout:
        assert rollout.stderr is not None
        for said in rollout.stderr:
            if step in said:
                break
        time.sleep(0.3)
        os.kill(rollout.pid, signal.SIGINT)
        rest = rollout.stderr.read()
    assert rollout.returncode == 130
    assert "interrupted: the server is as it was" in rest
    assert "Traceback" not in rest
    assert service.versions() == before


def test_a_version_that_is_asked_for_by_name_is_not_retired(service: Service) -> None:
    service.management.register(f"{MODEL}-{NEW}.mar")
    add_workers(service.management, MODEL, NEW, workers=2, runtime_directory=service.runtime_directory)
    with Load(service.connection, PICTURES, requests_per_s=100, version=NEW) as load:
        time.sleep(0.5)
        with pytest.raises(NotQuietError, match="keep coming"):
            remove(service.management, MODEL, NEW, runtime_directory=service.runtime_directory, timeout_s=2)
    assert {(sample.version, sample.error) for sample in load.samples} == {(NEW, None)}
    assert load.lost == 0
    remove(service.management, MODEL, NEW, runtime_directory=service.runtime_directory)
    with service.connection.rest() as client, pytest.raises(VersionNotFoundError):
        client.predict(PICTURES[0], version=NEW)


def test_a_version_that_cannot_load_again_is_retired_though_a_request_waits(service: Service, tmp_path: Path) -> None:
    build_failing(service.folder, "gone", once=tmp_path / "fail")
    service.management.register(f"{MODEL}-gone.mar")
    add_workers(service.management, MODEL, "gone", workers=1, runtime_directory=service.runtime_directory)
    (tmp_path / "fail").touch()
    for workers in (0, 1):
        service.management.scale(MODEL, "gone", workers=workers)
    impatient = Connection(service.connection.endpoints, timeout_s=8)
    with impatient, impatient.rest() as client, ThreadPoolExecutor() as threads:
        answer = threads.submit(client.predict, PICTURES[0], version="gone")
        while not service.management.describe(MODEL, "gone").queued:
            assert not answer.done()
        remove(service.management, MODEL, "gone", runtime_directory=service.runtime_directory, timeout_s=1)
        assert [version for version, _, _ in service.versions()] == [OLD]
        with pytest.raises(ClientError):
            answer.result()


def test_the_default_version_is_not_retired(service: Service) -> None:
    with pytest.raises(DefaultVersionError, match="promote another version first"):
        remove(service.management, MODEL, OLD, runtime_directory=service.runtime_directory)


def test_a_version_without_workers_says_so_on_both_wires(service: Service) -> None:
    service.management.register(f"{MODEL}-{NEW}.mar")
    with Connection(service.connection.endpoints, retries=NO_RETRIES) as connection:
        for client in (connection.rest(), connection.grpc()):
            with client, pytest.raises(NoWorkerError, match=f"{NEW} has no worker"):
                client.predict(PICTURES[0], version=NEW)
