"""How many workers and threads fit a machine."""

import os
import subprocess
import sys

import pytest

from serving.machine import MOST_WORKERS, Machine, cpu_quota


@pytest.mark.parametrize("cores", [1, 2, 3, 4, 8, 9, 16, 64, 192])
@pytest.mark.parametrize("gpus", [0, 1, 8])
def test_workers_times_threads_never_exceed_the_cores(cores, gpus):
    machine = Machine(cores=cores, gpus=gpus)
    assert 1 <= machine.workers <= max(gpus, MOST_WORKERS)
    assert machine.workers * machine.threads_per_worker <= max(cores, machine.workers)


def test_each_gpu_gets_one_worker():
    assert Machine(cores=16, gpus=2).workers == 2


@pytest.mark.parametrize(("cores", "threads"), [(1, 2), (2, 2), (3, 2), (4, 3), (16, 15)])
def test_javas_pool_has_threads_that_wait_for_a_batch_instead_of_one_started_for_each(cores, threads):
    assert Machine(cores=cores).java_pool_threads == threads


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not bind processes to cores")
def test_only_the_cores_that_this_process_may_use_are_counted():
    program = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); from serving.machine import *; "
    bound = subprocess.run(
        [sys.executable, "-c", program + "print(this_machine().cores)"], capture_output=True, text=True, check=True
    )
    assert bound.stdout == "1\n"


@pytest.mark.parametrize(("text", "cores"), [("max 100000", None), ("150000 100000", 1), ("400000 100000", 4)])
def test_a_containers_cpu_quota_is_whole_cores(tmp_path, text, cores):
    (tmp_path / "cpu.max").write_text(text)
    assert cpu_quota(tmp_path / "cpu.max") == cores
