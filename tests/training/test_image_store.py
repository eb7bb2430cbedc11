"""Processes that decode images for training."""

import signal
import subprocess
import sys

import psutil
import pytest

from serving.settings import PROJECT

# A run with two processes that decode, in the middle of its images.
LOAD = """
import time
from training.image_store import loader

if __name__ == "__main__":
    images = iter(loader(range(100), workers=2))
    next(images)
    print("loading", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL], ids=lambda ending: ending.name)
def test_a_run_that_is_ended_leaves_no_process_that_decodes(tmp_path, ending):
    program = tmp_path / "load.py"
    program.write_text(LOAD)
    with subprocess.Popen(
        [sys.executable, program], env={"PYTHONPATH": str(PROJECT)}, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout.readline() == "loading\n"
        processes = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(ending)
    _, left = psutil.wait_procs(processes, timeout=30)
    for process in left:
        process.kill()
    assert len(processes) >= 2
    assert not left
