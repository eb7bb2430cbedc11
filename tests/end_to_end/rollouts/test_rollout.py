"""Rollouts against a real TorchServe: what is good goes in, what is bad stays out, and traffic notices neither."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from operations.commands.rollout import phase_sentence
from operations.errors import (
    ClassNamesError,
    GateRefusedError,
    NoEarlierVersionError,
    NotLoadedError,
    RolledBackError,
)
from operations.events import Event, Phase, PhaseStarted
from operations.plan import Plan
from operations.quiesce import scale_down
from operations.switch import roll_back
from serving.settings import PROJECT
from tests.changed_archives import build_failing, network, rewrite, weights
from tests.end_to_end.rollouts.conftest import Service
from tests.pixserve.terminal import PIXSERVE
from tests.two_versions import MODEL, NEW, OLD, build


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


def test_a_refused_rollout_shows_both_versions_and_has_an_exit_code_of_its_own(service: Service) -> None:
    rewrite(build(service.folder, "bad"), pt=weights(fc3_weight=-1, fc3_bias=-1))
    done = subprocess.run(
        [*PIXSERVE, *service.rollout_command("bad")], capture_output=True, text=True, cwd=PROJECT, check=False
    )
    assert (done.returncode, done.stdout) == (4, "")
    assert re.search(r"│ bad +│ +320 │ .* refused", done.stderr)
    assert done.stderr.splitlines()[-1].startswith("error: cifar10 bad is refused: accuracy fell from 100.0%")


@pytest.mark.parametrize("phase", [Phase.LOADING, Phase.COMPARING, Phase.WATCHING])
def test_ctrl_c_leaves_the_server_as_it_was(service: Service, phase: Phase) -> None:
    before = service.versions()
    begun = phase_sentence(PhaseStarted(phase, OLD, NEW, 1), Plan(f"{MODEL}-{NEW}.mar", service.gate))
    with subprocess.Popen(
        [*PIXSERVE, *service.rollout_command(NEW)], stderr=subprocess.PIPE, text=True, cwd=PROJECT
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
