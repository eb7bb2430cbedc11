"""What is served is recorded when a change is completed, whoever made it."""

import errno
import fcntl
import os
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from pixserve.default_history import default_history
from pixserve.errors import UnreachableError
from pixserve.records import ModelVersion
from pixserve.runtime_directory import RuntimeDirectory
from serving import recorder as recorder_module
from serving.archives import read_store
from serving.recorder import Recorder
from serving.startup import plan_startup
from serving.state import read_state
from tests.serving.sample_archives import make_archive
from tests.serving.test_state import running


class ServedVersions:
    """Stands in for a running server: what its management API lists, and the snapshots that it writes."""

    def __init__(self, folder: Path) -> None:
        for version in ("1.0", "2.0"):
            make_archive(folder, "pets", version)
        self.directory = RuntimeDirectory(folder)
        self.directory.snapshots.mkdir(parents=True)
        self.settings = SimpleNamespace(runtime_directory=self.directory, store=folder)
        self.startup = plan_startup(read_store(folder), None, directory=self.directory, workers=2)
        self.versions: list[ModelVersion] = []
        self.asked = 0

    def change(self, *versions: ModelVersion) -> None:
        """Serve these from now on."""
        self.versions = list(versions)
        (self.directory.snapshots / f"{len(list(self.directory.snapshots.iterdir()))}-snapshot.cfg").touch()

    @contextmanager
    def management(self):
        yield self

    def every_version(self) -> list[ModelVersion]:
        self.asked += 1
        if not self.versions:
            raise UnreachableError("nobody listens")
        return self.versions

    def default(self) -> str | None:
        state = read_state(self.directory)
        return state["pets"].default if state else None

    def history(self) -> list[str]:
        with default_history(self.directory) as history:
            return history.changes.get("pets", [])


@pytest.fixture
def server(tmp_path: Path) -> ServedVersions:
    return ServedVersions(tmp_path)


def test_changes_are_recorded_once_each_and_nothing_is_asked_meanwhile(server):
    recorder = Recorder(server)
    server.change(running("1.0"), running("2.0", default=True))
    recorder.record_changes()
    assert (server.default(), server.history()) == ("2.0", ["2.0"])
    server.change(running("1.0", default=True), running("2.0"))
    for _ in range(3):
        recorder.record_changes()
    assert (server.default(), server.history()) == ("1.0", ["2.0", "1.0"])
    assert server.asked == 2


def test_a_change_under_way_is_recorded_when_the_operation_is_done(server, monkeypatch):
    monkeypatch.setattr("serving.recorder.PENDING_S", 0)
    recorder = Recorder(server)
    server.change(running("1.0", default=True))
    recorder.record_changes()
    with server.directory.change_lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server.change(running("1.0"), running("2.0", default=True))  # a rollout that watches its new default
        recorder.record_changes()
        assert server.default() == "1.0"
    recorder.record_changes()
    assert server.default() == "2.0"


def test_a_version_that_loads_is_recorded_once_it_has(server, monkeypatch):
    monkeypatch.setattr("serving.recorder.PENDING_S", 0)
    recorder = Recorder(server)
    server.change(running("1.0", default=True))
    recorder.record_changes()
    server.change(running("1.0"), running("2.0", default=True, ready=0))
    recorder.record_changes()
    assert (server.default(), server.history()) == ("1.0", ["1.0"])
    server.versions = [running("1.0"), running("2.0", default=True)]
    recorder.record_changes()
    assert (server.default(), server.history()) == ("2.0", ["1.0", "2.0"])


def test_a_server_that_does_not_answer_changes_nothing(server):
    recorder = Recorder(server)
    recorder.record_changes()
    assert read_state(server.directory) is None


class FullDisk:
    """Lets no state be written, for a reason that can be changed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.code: int | None = errno.ENOSPC
        write = recorder_module.write_state

        def write_state(directory, state):
            if self.code:
                raise OSError(self.code, os.strerror(self.code), str(directory.state))
            write(directory, state)

        monkeypatch.setattr(recorder_module, "write_state", write_state)


def test_a_full_disk_is_said_once_and_tried_again_slowly(server, monkeypatch, capsys):
    FullDisk(monkeypatch)
    recorder = Recorder(server)
    server.change(running("1.0", default=True))
    for _ in range(20):
        recorder.record_changes()
    assert server.asked == 1
    assert capsys.readouterr().err == (
        "warning: what is served cannot be recorded, so a restart may not come back to it: "
        f"{server.directory.state}: no space left on device\n"
    )


def test_a_disk_that_has_room_again_gets_what_is_served_and_another_reason_is_said_too(server, monkeypatch, capsys):
    monkeypatch.setattr("serving.recorder.UNWRITABLE_S", 0)
    disk, recorder = FullDisk(monkeypatch), Recorder(server)
    server.change(running("1.0", default=True))
    for code in (errno.ENOSPC, errno.ENOSPC, errno.EROFS, None, None):
        disk.code = code
        recorder.record_changes()
    assert server.default() == "1.0"
    assert [line.rpartition(": ")[2] for line in capsys.readouterr().err.splitlines()] == [
        "no space left on device",
        "read-only file system",
    ]
    assert server.asked == 4


def test_what_could_not_be_written_is_tried_once_more_at_the_end(server, monkeypatch):
    disk, recorder = FullDisk(monkeypatch), Recorder(server)
    server.change(running("1.0", default=True))
    recorder.record_changes()
    disk.code = None
    recorder.record_last()
    assert server.default() == "1.0"
