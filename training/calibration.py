"""Calibration: whether a probability of 80 % is right four times in five; measured, and fitted by scaling the logits.

Sources: Guo et al., "On Calibration of Modern Neural Networks" (arXiv 1706.04599): temperature scaling, and the
expected calibration error over 15 bins of equal width. Tomani et al., "Parameterized Temperature Scaling" (arXiv
2102.12182): the temperature may depend on the logits; here it depends on the top-2 margin.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

BINS = 15
MAX_FACTOR = 50  # and its inverse the minimum; separable images would have it without bound
MIN_IMAGES_FOR_CURVE = 1000  # fewer give one factor for all margins: temperature scaling


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram: predictions by confidence, in bins of equal width from 0 to 1, ``(BINS,)`` each."""

    count: Tensor  # int64
    confidence: Tensor  # mean probability of the predicted class, 0 where a bin is empty
    accuracy: Tensor  # fraction of correct predictions, 0 where a bin is empty

    @property
    def error(self) -> float:
        """Expected calibration error (ECE), 0 to 1: the mean gap, weighted by the bins' counts."""
        gaps = (self.accuracy - self.confidence).abs()
        return float((gaps * self.count).sum() / self.count.sum())


def reliability(logits: Tensor, labels: Tensor) -> Reliability:
    """The reliability diagram of the predictions ``logits (N, K)`` for ``labels (N,)``."""
    confidence, predicted = logits.double().softmax(dim=1).max(dim=1)
    correct = (predicted == labels).double()
    bins = (confidence * BINS).ceil().long().clamp(1, BINS) - 1  # (0, 1/15], (1/15, 2/15], ...
    count = torch.bincount(bins, minlength=BINS)
    divisor = count.clamp(min=1)
    return Reliability(
        count,
        torch.bincount(bins, weights=confidence, minlength=BINS) / divisor,
        torch.bincount(bins, weights=correct, minlength=BINS) / divisor,
    )


def fit_calibration(logits: Tensor, labels: Tensor, *, calibrate: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """The coefficients ``(3,) float32`` that minimize the cross entropy of ``logits (N, K)`` on ``labels (N,)``.

    ``calibrate(logits, coefficients)`` multiplies each row by c0 + c1 m + c2 m², m being its top-2 margin. With fewer
    than ``MIN_IMAGES_FOR_CURVE`` images, or if the calibrated margin would not grow with the margin everywhere, c1 and
    c2 stay 0: temperature scaling.
    """

    def loss(free: Tensor) -> Tensor:
        return F.cross_entropy(calibrate(logits.double(), _coefficients(free)), labels)

    factor = minimize(loss, torch.zeros(1))
    if len(labels) >= MIN_IMAGES_FOR_CURVE:
        curve = _coefficients(minimize(loss, F.pad(factor, (0, 2))))
        if _is_increasing(*curve.tolist()):
            return curve.float()
    return _coefficients(factor).float()


def _coefficients(free: Tensor) -> Tensor:
    """Three coefficients, the first within its bounds, from one or three unbounded numbers."""
    return torch.cat([MAX_FACTOR ** free[:1].tanh(), F.pad(free[1:], (0, 3 - len(free)))])


def minimize(loss: Callable[[Tensor], Tensor], start: Tensor) -> Tensor:
    """A local minimum of ``loss``, found from ``start`` by L-BFGS in float64."""
    free = start.double().requires_grad_()
    optimizer = torch.optim.LBFGS([free], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        value = loss(free)
        torch.autograd.backward(value)
        return value.item()

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return free.detach()


def _is_increasing(c0: float, c1: float, c2: float) -> bool:
    """Whether the calibrated margin c0 m + c1 m² + c2 m³ increases with every margin m >= 0."""
    return c2 >= 0 and (c1 >= 0 or c1 * c1 < 3 * c0 * c2)
