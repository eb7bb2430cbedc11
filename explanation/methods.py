"""The methods: occlusion and integrated gradients, as captum computes them (tests hold both against captum).

A heat map says, pixel by pixel, how much of the class's log-odds (nats) is owed to it: above 0 it spoke for the class,
below 0 against it. Both methods compare with the mean colour of the image: in integrated gradients a pixel of that
colour counts 0.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

HeatMap = NDArray[np.float32]

STEPS = 32  # points on the way from the mean colour to the image


class Scored(Protocol):
    """What the methods ask of a network; see `explanation.network.ExplainedNetwork`."""

    def log_odds(self, pixels: NDArray[np.float32], target: int) -> NDArray[np.float64]:
        """Log-odds (N,) of a class."""
        ...

    def gradients(self, pixels: NDArray[np.float32], target: int) -> NDArray[np.float32]:
        """Their gradients (N, S, S, 3) by the pixels."""
        ...


def occlusion(network: Scored, pixels: NDArray[np.uint8], target: int) -> HeatMap:
    """How much the log-odds fall when a square patch is covered with the mean colour (Zeiler and Fergus, 2014).

    The patch has a quarter of the image's side and moves by a tenth: 82 passes. A pixel gets the
    mean over the patches that cover it.

    Args:
        network: scores images.
        pixels: one image (S, S, 3) uint8.
        target: the class that is explained.

    Returns:
        (S, S) float32, in nats.
    """
    image = pixels.astype(np.float32)
    places = list(_windows(len(image)))
    covered = np.repeat(image[None], len(places) + 1, axis=0)  # the last one stays as it is
    for row, (down, right) in enumerate(places):
        covered[row, down, right] = mean_colour(image)
    scores = network.log_odds(covered, target)
    total, count = np.zeros(image.shape[:2]), np.zeros(image.shape[:2])
    for score, (down, right) in zip(scores, places, strict=False):
        total[down, right] += scores[-1] - score
        count[down, right] += 1
    return (total / count).astype(np.float32)


def integrated_gradients(network: Scored, pixels: NDArray[np.uint8], target: int) -> HeatMap:
    """Gradients along the way from the mean colour to the image, times the difference (Sundararajan et al., 2017).

    The map sums to the log-odds of the image less those of its mean colour, as far as `STEPS` midpoints approximate the
    integral. Arguments and result as for `occlusion`.
    """
    image = pixels.astype(np.float32)
    difference = image - mean_colour(image)
    fractions = (np.arange(STEPS, dtype=np.float32) + 0.5) / STEPS
    way = mean_colour(image) + fractions[:, None, None, None] * difference
    gradient = network.gradients(way.astype(np.float32), target).mean(axis=0)
    found: HeatMap = (gradient * difference).sum(axis=2)
    return found


def mean_colour(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean (3,) of an image (S, S, 3)."""
    colour: NDArray[np.float32] = image.mean(axis=(0, 1))
    return colour


def _windows(side: int) -> list[tuple[slice, slice]]:
    """The places of the patch, the last ones at the far edges."""
    patch, stride = max(1, side // 4), max(1, side // 10)
    starts = [*range(0, side - patch, stride), side - patch]
    return [(slice(y, y + patch), slice(x, x + patch)) for y in starts for x in starts]


METHODS: dict[str, Callable[[Scored, NDArray[np.uint8], int], HeatMap]] = {
    "occlusion": occlusion,
    "integrated_gradients": integrated_gradients,
}
