"""The processes of a server: known by their session, found again by their command lines, ended with their launcher."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pixserve.runtime_directory import RuntimeDirectory
from serving.last_words import how_it_ended
from serving.processes import end_session, has_ended, kill, members_alive, orphans

# A front end that has a worker, which outlives it.
FAMILY = "sleep 60 & exec sleep 60"


def family() -> subprocess.Popen[bytes]:
    leader = subprocess.Popen(["sh", "-c", FAMILY], start_new_session=True)
    wait_until(lambda: len(members_alive(leader.pid)) == 2)
    return leader


def wait_until(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_ending_a_session_ends_a_worker_that_does_not_end_by_itself():
    leader = family()
    end_session(leader, timeout_s=5)
    assert members_alive(leader.pid) == []
    assert leader.returncode == -signal.SIGTERM


def test_a_worker_is_found_and_ended_after_its_front_end_was_killed():
    leader = family()
    leader.kill()
    wait_until(lambda: has_ended(leader))
    assert how_it_ended(leader.pid) == "killed by SIGKILL"
    assert len(members_alive(leader.pid)) == 1
    end_session(leader)
    assert members_alive(leader.pid) == []


def test_how_a_process_ended_is_its_exit_code():
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.exit(7)"])
    wait_until(lambda: has_ended(process))
    assert how_it_ended(process.pid) == "exit code 7"
    process.wait()


def test_workers_that_a_killed_launcher_left_are_found_by_their_socket_and_others_are_not(tmp_path: Path):
    script = tmp_path / "model_service_worker.py"
    script.write_text("import time; time.sleep(60)")
    directory = RuntimeDirectory(tmp_path / "run")
    line = [sys.executable, str(script), "--sock-name"]
    ours = subprocess.Popen([*line, f"{directory.temporary}/.ts.sock.9000"])
    another = subprocess.Popen([*line, f"{tmp_path}/other/tmp/.ts.sock.9000"])
    reader = subprocess.Popen(["tail", "-f", f"{directory.temporary}/.ts.sock.9000"], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: orphans(directory))
        assert [process.pid for process in orphans(directory)] == [ours.pid]
        kill(orphans(directory))
        assert orphans(directory) == []
    finally:
        for process in (ours, another, reader):
            process.kill()
            process.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_front_end_ends_when_its_launcher_is_killed(tmp_path: Path):
    program = (
        "import functools, os, subprocess, sys, time; from serving.processes import die_with; "
        "child = subprocess.Popen(['sleep', '60'], start_new_session=True, "
        "preexec_fn=functools.partial(die_with, os.getpid())); print(child.pid, flush=True); time.sleep(60)"
    )
    launcher = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert launcher.stdout is not None
    front_end = os.pidfd_open(int(launcher.stdout.readline()))
    launcher.kill()
    launcher.wait()
    launcher.stdout.close()
    wait_until(lambda: _is_gone(front_end))
    os.close(front_end)


def _is_gone(pidfd: int) -> bool:
    try:
        signal.pidfd_send_signal(pidfd, 0)
    except ProcessLookupError:
        return True
    return False
