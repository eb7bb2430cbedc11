"""Who runs here, and whether it is ready: known from a lock that no crash leaves behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pixserve.runtime_directory import RuntimeDirectory
from serving import launcher
from serving.errors import AlreadyRunningError, ServingError
from serving.lock import Status, launcher_lock, launcher_status

HOLDER = """
import signal, sys, os
from pathlib import Path
from pixserve.runtime_directory import RuntimeDirectory
from serving.lock import Status, launcher_lock
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
with launcher_lock(RuntimeDirectory(Path(sys.argv[1]))) as publish:
    publish(Status(os.getpid(), ready=True))
    print("held", flush=True)
    signal.pause()
"""


@pytest.fixture
def directory(tmp_path: Path) -> RuntimeDirectory:
    return RuntimeDirectory(tmp_path)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock, as a launcher that is ready does."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_launcher_that_lives_is_known_with_its_process_and_its_readiness(directory, holder):
    assert launcher_status(directory) == Status(holder.pid, ready=True)


def test_a_second_launcher_is_refused_with_the_firsts_process(directory, holder):
    with pytest.raises(AlreadyRunningError, match=f"process {holder.pid}"), launcher_lock(directory):
        pass


def test_a_launcher_that_was_killed_leaves_nothing_that_looks_alive_or_ready(directory, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert json.loads(directory.launcher_lock.read_text())["ready"], "the leftover of which nothing may be believed"
    assert launcher_status(directory) is None
    with launcher_lock(directory):
        assert launcher_status(directory) == Status(os.getpid(), ready=False)


def test_after_a_crash_of_the_machine_nobody_runs_even_if_the_number_is_another_process_now(directory):
    directory.launcher_lock.write_text(json.dumps({"pid": os.getpid(), "ready": True, "step": ""}))
    assert launcher_status(directory) is None
    assert not launcher.stop(directory), "a stranger's process must not be ended"


def test_without_a_directory_nobody_runs(tmp_path):
    assert launcher_status(RuntimeDirectory(tmp_path / "none")) is None
    with pytest.raises(ServingError, match=r"no server runs in .*; `make start` starts one"):
        launcher.require_running(RuntimeDirectory(tmp_path / "none"))


def test_a_lock_whose_file_says_nothing_is_one_sentence(directory, holder):
    directory.launcher_lock.write_text("")
    with pytest.raises(ServingError, match="does not name it"):
        launcher_status(directory)


def test_stop_ends_the_launcher_that_holds_the_lock(directory, holder):
    assert launcher.stop(directory)
    assert holder.wait(5) == 0
    assert launcher_status(directory) is None
