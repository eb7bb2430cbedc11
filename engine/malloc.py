"""Memory that a batch has freed, kept for the next one.

glibc gives a large tensor back to the system when it is freed, so that each batch touches its memory for the first
time: with the residual network 36 pages of 4 KB a picture, a twelfth of all requests a second.
"""

import ctypes
import sys

# Parameters of mallopt(3), from <malloc.h>.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3

MIB = 1 << 20
# What is larger, as a decoded photograph may be, goes back at once (glibc allows no more), and so does what is free
# beyond a batch's needs.
WANTED = {M_MMAP_THRESHOLD: 32 * MIB, M_TRIM_THRESHOLD: 128 * MIB}


def keep_freed_memory() -> bool:
    """Tell glibc so, for as long as this process lives; returns whether the C library is one that can be told."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    return mallopt is not None and all(mallopt(parameter, value) for parameter, value in WANTED.items())
