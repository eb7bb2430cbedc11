"""Loops over float32 pictures, channels last, compiled for this processor by numba at first use and kept on disk.

They do in one or two readings of memory what torch's operators take several for. Rows are a picture's places:
``(M, C)`` stands for ``(N, C, H, W)`` channels last, M = N H W. Sums are of PARTS parts, whatever the count of threads,
so that the same seed gives the same weights.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

PARTS = 16
CHANNELS_AT_ONCE = 128  # whose filter gradients stay in the first cache

_settings: Any = numba.config
_settings.THREADING_LAYER = "workqueue"  # its OpenMP layer would change torch's count of threads
_compiled = numba.njit(parallel=True, fastmath=True, cache=True)


def use_threads(count: int) -> None:
    """Let each loop have as many threads as torch has."""
    numba.set_num_threads(min(count, _settings.NUMBA_NUM_THREADS))


@_compiled
def sum_moments(x: Array) -> Array:
    """Sums of ``x (M, C)`` and of its squares, in parts: ``(PARTS, 2, C)``."""
    m, channels = x.shape
    sums = np.zeros((PARTS, 2, channels), np.float32)
    for part in numba.prange(PARTS):
        for row in range(part * m // PARTS, (part + 1) * m // PARTS):
            for c in range(channels):
                sums[part, 0, c] += x[row, c]
                sums[part, 1, c] += x[row, c] * x[row, c]
    return sums


@_compiled
def scale_and_limit(
    x: Array, scale: Array, shift: Array, low: np.float32, high: np.float32, result: Array
) -> None:  # fmt: skip
    """``result (M, C)``: ``x * scale + shift``, kept from ``low`` to ``high``."""
    m, channels = x.shape
    for part in numba.prange(PARTS):
        for row in range(part * m // PARTS, (part + 1) * m // PARTS):
            for c in range(channels):
                result[row, c] = min(max(x[row, c] * scale[c] + shift[c], low), high)


@_compiled
def sum_gradients(
    gradient: Array, x: Array, scale: Array, shift: Array, low: np.float32, high: np.float32
) -> Array:  # fmt: skip
    """Sums of the gradient that passes the limits, and of its product with ``x``, in parts: ``(PARTS, 2, C)``."""
    m, channels = x.shape
    sums = np.zeros((PARTS, 2, channels), np.float32)
    for part in numba.prange(PARTS):
        for row in range(part * m // PARTS, (part + 1) * m // PARTS):
            for c in range(channels):
                y = x[row, c] * scale[c] + shift[c]
                passed = gradient[row, c] if (y > low) & (y < high) else np.float32(0)
                sums[part, 0, c] += passed
                sums[part, 1, c] += passed * x[row, c]
    return sums


@_compiled
def combine_gradients(
    gradient: Array, x: Array, scale: Array, shift: Array, low: np.float32, high: np.float32,
    slope: Array, offset: Array, result: Array,
) -> None:  # fmt: skip
    """``result (M, C)``: the gradient that passes the limits times ``scale``, plus ``x * slope + offset``."""
    m, channels = x.shape
    for part in numba.prange(PARTS):
        for row in range(part * m // PARTS, (part + 1) * m // PARTS):
            for c in range(channels):
                y = x[row, c] * scale[c] + shift[c]
                passed = gradient[row, c] if (y > low) & (y < high) else np.float32(0)
                result[row, c] = passed * scale[c] + x[row, c] * slope[c] + offset[c]


@_compiled
def depthwise_weight_gradient(gradient: Array, x: Array, kernel: int, stride: int) -> Array:
    """``(kernel, kernel, C)`` of ``gradient (N, H', W', C)`` and ``x (N, H, W, C)``, padded by ``kernel // 2``."""
    pictures, rows, columns, channels = gradient.shape
    result = np.zeros((kernel, kernel, channels), np.float32)
    for block in numba.prange((channels + CHANNELS_AT_ONCE - 1) // CHANNELS_AT_ONCE):
        first, last = block * CHANNELS_AT_ONCE, min(channels, (block + 1) * CHANNELS_AT_ONCE)
        sums = np.zeros((kernel, kernel, CHANNELS_AT_ONCE), np.float32)
        for picture in range(pictures):
            for row in range(rows):
                for i in range(kernel):
                    y = row * stride + i - kernel // 2
                    if y < 0 or y >= x.shape[1]:
                        continue
                    for column in range(columns):
                        there = gradient[picture, row, column, first:last]
                        for j in range(kernel):
                            z = column * stride + j - kernel // 2
                            if z < 0 or z >= x.shape[2]:
                                continue
                            here, tap = x[picture, y, z, first:last], sums[i, j]
                            for c in range(last - first):
                                tap[c] += there[c] * here[c]
        result[:, :, first:last] = sums[:, :, : last - first]
    return result
