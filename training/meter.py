"""Running loss and accuracy while training."""

import time
from typing import TypedDict

import torch
from torch import Tensor

from training import processes


class Reading(TypedDict):
    """What a meter has come to."""

    seen: int
    loss: float  # nats, mean
    accuracy: float  # 0 to 1
    pictures_per_s: float


class Meter:
    """Sums of loss and right answers, kept on the device so that a step waits for nothing."""

    def __init__(self, device: torch.device) -> None:
        self._sums = torch.zeros(3, dtype=torch.float64, device=device)  # loss, right answers, pictures
        self._last = self._sums.clone()
        self._started = time.perf_counter()

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Count one batch: its mean loss, ``logits (N, K)`` and ``labels (N,)``."""
        n = len(labels)
        right = (logits.argmax(dim=1) == labels).sum()
        self._sums += torch.stack([loss.double() * n, right.double(), right.new_tensor(n).double()])

    def reading(self) -> Reading:
        """All batches so far, of this process."""
        return self._reading(self._sums)

    def total(self) -> Reading:
        """All batches so far, of all processes, which must call this together."""
        return self._reading(processes.total(self._sums))

    def since_last(self) -> tuple[float, float]:
        """Loss and accuracy of the batches since this was last asked, of this process."""
        loss, right, n = (self._sums - self._last).tolist()
        self._last = self._sums.clone()
        return loss / n, right / n

    def _reading(self, sums: Tensor) -> Reading:
        loss, right, n = sums.tolist()
        seconds = time.perf_counter() - self._started
        return {"seen": int(n), "loss": loss / n, "accuracy": right / n, "pictures_per_s": n / seconds}
