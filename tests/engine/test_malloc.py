import os
import subprocess
import sys

import pytest

from serving.settings import PROJECT

# How many pages a process touches for the first time when it fills memory again that it has filled and freed: in half
# of the tries, since at first what was freed may not fit for its alignment.
TOUCH_AGAIN = """
import resource
import torch
from {module} import keep_freed_memory

told = {keep}
def touched():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    [torch.ones({megabytes} << 18) for _ in range({tensors})]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(sorted(touched() for _ in range(40))[20] if told else "untold")
"""
TRAINING, WORKER = "training.memory", "engine.malloc"
# glibc at its most generous to the system; by itself it learns from what is freed, more or less by chance.
GIVING_BACK = {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=131072:glibc.malloc.trim_threshold=131072"}


def pages_touched_again(module, *, tensors, megabytes, keep="keep_freed_memory()"):
    program = TOUCH_AGAIN.format(module=module, tensors=tensors, megabytes=megabytes, keep=keep)
    path = {"PYTHONPATH": os.pathsep.join([str(PROJECT), str(PROJECT / "handler")])}
    variables = os.environ | path | GIVING_BACK
    run = subprocess.run([sys.executable, "-c", program], env=variables, capture_output=True, text=True, check=True)
    if run.stdout.strip() == "untold":
        pytest.skip("this C library cannot be told to keep freed memory")
    return int(run.stdout)


@pytest.mark.parametrize(("module", "tensors", "megabytes"), [(TRAINING, 1, 64), (WORKER, 16, 1)])
def test_memory_that_was_freed_is_used_again_without_asking_the_system_for_it(module, tensors, megabytes):
    assert pages_touched_again(module, tensors=tensors, megabytes=megabytes) < 100
    assert pages_touched_again(module, tensors=tensors, megabytes=megabytes, keep="True") > 100


def test_a_worker_gives_back_what_a_huge_photograph_took():
    assert pages_touched_again(WORKER, tensors=1, megabytes=64) > 100
