"""Whether a probability of 80 % is right four times in five: measured, and mended with one temperature.

Sources: Guo et al., "On Calibration of Modern Neural Networks" (arXiv 1706.04599): temperature scaling, and the
expected calibration error over 15 bins of equal width.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

BINS = 15


@dataclass(frozen=True)
class Reliability:
    """The answers by their confidence, in bins of equal width from 0 to 1: ``(BINS,)`` each."""

    count: Tensor  # int64
    confidence: Tensor  # mean probability of the answer, 0 where a bin is empty
    accuracy: Tensor  # share of right answers, 0 where a bin is empty

    @property
    def error(self) -> float:
        """Expected calibration error (ECE), 0 to 1: the mean gap, weighted by the bins' counts."""
        gaps = (self.accuracy - self.confidence).abs()
        return float((gaps * self.count).sum() / self.count.sum())


def reliability(logits: Tensor, labels: Tensor) -> Reliability:
    """Sort the answers of ``logits (N, K)`` to ``labels (N,)`` into bins."""
    confidence, answer = logits.double().softmax(dim=1).max(dim=1)
    right = (answer == labels).double()
    bins = (confidence * BINS).ceil().long().clamp(1, BINS) - 1  # (0, 1/15], (1/15, 2/15], ...
    count = torch.bincount(bins, minlength=BINS)
    some = count.clamp(min=1)
    return Reliability(
        count,
        torch.bincount(bins, weights=confidence, minlength=BINS) / some,
        torch.bincount(bins, weights=right, minlength=BINS) / some,
    )


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The number that logits ``(N, K)`` are to be divided by for the least cross entropy on ``labels (N,)``.

    The loss is convex in the logarithm's neighbourhood that matters; a search by thirds between 1/50 and 50 finds its
    minimum to six digits without a step size to choose.
    """
    logits = logits.double()
    low, high = -3.9, 3.9
    while high - low > 1e-6:
        third = (high - low) / 3
        left, right = (F.cross_entropy(logits / torch.tensor(x).exp(), labels) for x in (low + third, high - third))
        low, high = (low, high - third) if left < right else (low + third, high)
    return float(torch.tensor((low + high) / 2).exp())
