import subprocess
import sys

import pytest

# How many pages a process touches for the first time when it fills memory again that it has filled and freed: in the
# end, after a few tries in which what was freed does not fit for its alignment.
TOUCH_AGAIN = """
import resource
import torch
from training.memory import keep_freed_memory

told = {keep}
def touched():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(64 << 18)  # 64 MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(min(touched() for _ in range(40)) if told else "untold")
"""


def pages_touched_again(keep):
    program = TOUCH_AGAIN.format(keep=keep)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_memory_that_was_freed_is_used_again_without_asking_the_system_for_it():
    kept = pages_touched_again("keep_freed_memory()")
    if kept == "untold":
        pytest.skip("this C library cannot be told to keep freed memory")
    assert int(kept) < 100 < int(pages_touched_again("True"))
