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
from training.memory import keep_freed_memory

told = {keep}
def touched():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(64 << 18)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(sorted(touched() for _ in range(40))[20] if told else "untold")
"""
# glibc at its most generous to the system; by itself it learns from what is freed, more or less by chance.
GIVING_BACK = {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=131072:glibc.malloc.trim_threshold=131072"}


def pages_touched_again(*, keep):
    program = TOUCH_AGAIN.format(keep=keep)
    path = {"PYTHONPATH": str(PROJECT)}
    variables = os.environ | path | GIVING_BACK
    run = subprocess.run([sys.executable, "-c", program], env=variables, capture_output=True, text=True, check=True)
    if run.stdout.strip() == "untold":
        pytest.skip("this C library cannot be told to keep freed memory")
    return int(run.stdout)


def test_memory_that_was_freed_is_used_again_without_asking_the_system_for_it():
    assert pages_touched_again(keep="keep_freed_memory()") < 100
    assert pages_touched_again(keep="True") > 100
