"""What a server costs is asked of its processes."""

import subprocess
import sys

import psutil
import pytest

from benchmarks import processes


@pytest.fixture
def start():
    started = []

    def start(code: str) -> int:
        started.append(subprocess.Popen([sys.executable, "-c", code]))
        return started[-1].pid

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_server_still_busy_is_waited_for(start):
    pid = start("import time\nwhile time.process_time() < 1.5: pass\ntime.sleep(60)")
    processes.wait_until_idle(pid, timeout_s=30)
    assert processes.cpu_seconds(pid) > 1.4


def test_a_server_that_is_never_idle_is_not_waited_for_forever(start):
    processes.wait_until_idle(start("while True: pass"), timeout_s=0.6)


def test_a_server_that_ignores_sigterm_is_killed_with_its_children(start):
    child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    pid = start(f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}]); {child}")
    while len(tree := processes.process_tree(pid)) < 2:
        pass
    processes.end(pid, timeout_s=0.5)
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in tree)
