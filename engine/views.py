"""Test-time augmentation: the mean of what a network answers to several views of an image."""

import numpy as np
from numpy.typing import NDArray

from engine.cascade import Network

VIEWS = 6  # three shifts, each as it is and mirrored
SHIFTS = (0, -1, 1)  # pixels, to the right and down


class AveragedViews:
    """A network that is shown `VIEWS` views of each image, in one forward pass."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `engine.cascade.Network`."""
        answers = self._network.probabilities(views_of(pixels))
        mean: NDArray[np.float32] = answers.reshape(VIEWS, len(pixels), -1).mean(axis=0)
        return mean


def views_of(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Views (`VIEWS` N, S, S, 3) of images (N, S, S, 3): all first views, then all second ones, and so on.

    What a shift moves in at one edge is the outermost row or column again.
    """
    size = pixels.shape[1]
    padded = np.pad(pixels, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    shifted = [padded[:, 1 - shift : 1 - shift + size, 1 - shift : 1 - shift + size] for shift in SHIFTS]
    return np.concatenate([view for each in shifted for view in (each, each[:, :, ::-1])])
