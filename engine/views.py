"""Test-time augmentation: the mean of what a network answers to several views of an image."""

import numpy as np
from numpy.typing import NDArray

from engine.cascade import Network

# Pixels to the right and down, and whether mirrored: the views of an image, in the order in which they are asked for.
VIEWS = tuple((shift, mirrored) for shift in (0, -1, 1) for mirrored in (False, True))


class AveragedViews:
    """A network that is shown several views of each image, in one forward pass.

    Args:
        network: what answers.
        first: index in `VIEWS` of the first view; 1 leaves out the image as it is.
        end: index after the last one.
    """

    def __init__(self, network: Network, *, first: int, end: int) -> None:
        self._network = network
        self._views = VIEWS[first:end]

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `engine.cascade.Network`."""
        answers = self._network.probabilities(np.concatenate([view_of(pixels, *view) for view in self._views]))
        mean: NDArray[np.float32] = answers.reshape(len(self._views), len(pixels), -1).mean(axis=0)
        return mean


def view_of(pixels: NDArray[np.uint8], shift: int, mirrored: bool) -> NDArray[np.uint8]:
    """One view (N, S, S, 3) of images (N, S, S, 3); what a shift moves in is the outermost row or column again."""
    size = pixels.shape[1]
    padded = np.pad(pixels, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    shifted = padded[:, 1 - shift : 1 - shift + size, 1 - shift : 1 - shift + size]
    return shifted[:, :, ::-1] if mirrored else shifted
