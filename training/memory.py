"""Freed memory kept for the next batch, rather than given back to the system and asked for again.

glibc maps every large tensor anew and unmaps it when it is freed, so that each step touches its memory for the first
time: training on two cores took a fifth longer.
"""

import ctypes
import sys

# Parameters of mallopt(3), from <malloc.h>.
M_TRIM_THRESHOLD = -1
M_TOP_PAD = -2
M_MMAP_MAX = -4

NEVER = -1
WANTED = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: NEVER, M_TOP_PAD: 2**30}  # the last in bytes


def keep_freed_memory() -> bool:
    """Tell glibc so, for as long as this process lives; returns whether the C library is one that can be told."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    return mallopt is not None and all(mallopt(parameter, value) for parameter, value in WANTED.items())
