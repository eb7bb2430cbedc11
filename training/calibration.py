"""Whether a probability of 80 % is right four times in five: measured, and mended by scaling the logits.

Sources: Guo et al., "On Calibration of Modern Neural Networks" (arXiv 1706.04599): temperature scaling, and the
expected calibration error over 15 bins of equal width. That one factor may depend on the logits: Tomani et al.,
"Parameterized Temperature Scaling" (arXiv 2102.12182); here on the lead of the best one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

BINS = 15
LARGEST_FACTOR = 50  # and its inverse the smallest, where the pictures would have it without bound
LEAST_FOR_A_CURVE = 1000  # pictures; fewer give one factor for all


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


def fit_sharpness(logits: Tensor, labels: Tensor, *, sharpened: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """The coefficients ``(3,) float32`` for the least cross entropy of ``logits (N, K)`` on ``labels (N,)``.

    ``sharpened(logits, coefficients)`` multiplies each row by c0 + c1 lead + c2 lead². Where the pictures are few, or
    a larger lead would come out the smaller one, c1 and c2 stay 0: temperature scaling.
    """

    def loss(free: Tensor) -> Tensor:
        return F.cross_entropy(sharpened(logits.double(), _coefficients(free)), labels)

    factor = _least(loss, torch.zeros(1))
    if len(labels) >= LEAST_FOR_A_CURVE:
        curve = _coefficients(_least(loss, F.pad(factor, (0, 2))))
        if _keeps_order(*curve.tolist()):
            return curve.float()
    return _coefficients(factor).float()


def _coefficients(free: Tensor) -> Tensor:
    """Three coefficients, the first within its bounds, from one or three numbers that may be anything."""
    return torch.cat([LARGEST_FACTOR ** free[:1].tanh(), F.pad(free[1:], (0, 3 - len(free)))])


def _least(loss: Callable[[Tensor], Tensor], start: Tensor) -> Tensor:
    """Where ``loss`` is least, going down from ``start``."""
    free = start.double().requires_grad_()
    optimizer = torch.optim.LBFGS([free], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        value = loss(free)
        torch.autograd.backward(value)
        return value.item()

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return free.detach()


def _keeps_order(c0: float, c1: float, c2: float) -> bool:
    """Whether c0 lead + c1 lead² + c2 lead³ grows with every lead from 0."""
    return c2 >= 0 and (c1 >= 0 or c1 * c1 < 3 * c0 * c2)
