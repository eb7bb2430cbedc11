"""Freed memory kept for the next batch, rather than given back to the system and asked for again.

glibc maps every large tensor anew and unmaps it when it is freed, so each step touches its memory for the first time:
training EfficientNet-Lite0 at 65 pixels, that costs half the pictures a second (270 against 530 on two cores).
"""

import ctypes
import sys

# <malloc.h>: parameters of mallopt(3).
M_TRIM_THRESHOLD = -1
M_TOP_PAD = -2
M_MMAP_MAX = -4

LARGEST_INT = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell glibc so; returns whether the C library is one that can be told."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return False
    wanted = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: LARGEST_INT, M_TOP_PAD: 256 * 2**20}
    return all(mallopt(parameter, value) for parameter, value in wanted.items())
