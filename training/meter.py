"""Running loss, accuracy and time while training."""

import time
from typing import Any, TypedDict

import torch
from torch import Tensor

from training import processes


class Reading(TypedDict):
    """Mean loss, accuracy and speed so far."""

    seen: int
    loss: float  # nats, mean
    accuracy: float  # 0 to 1
    images_per_s: float


class Stopwatch:
    """Seconds the device spends inside the ``with`` block; on a GPU, which runs asynchronously, by CUDA events."""

    def __init__(self, device: torch.device) -> None:
        self._on_gpu = device.type == "cuda"
        self._laps: list[tuple[Any, Any]] = []

    def __enter__(self) -> None:
        self._entered = self._now()

    def __exit__(self, *_: object) -> None:
        self._laps.append((self._entered, self._now()))

    def take_seconds(self) -> float:
        """The seconds since the last call; synchronizes with a GPU."""
        laps, self._laps = self._laps, []
        if not self._on_gpu:
            return float(sum(left - entered for entered, left in laps))
        torch.cuda.synchronize()
        return float(sum(entered.elapsed_time(left) for entered, left in laps) / 1000)

    def _now(self) -> Any:
        if not self._on_gpu:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event


class Meter:
    """Sums of loss and correct predictions, kept on the device so that no step waits for a transfer."""

    def __init__(self, device: torch.device) -> None:
        self._sums = torch.zeros(3, dtype=torch.float64, device=device)  # loss, correct, images
        self._last = self._sums.clone()
        self._started = time.perf_counter()

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Count one batch: its mean loss, ``logits (N, K)`` and ``labels (N,)``."""
        n = len(labels)
        correct = (logits.argmax(dim=1) == labels).sum()
        self._sums += torch.stack([loss.double() * n, correct.double(), correct.new_tensor(n).double()])

    def reading(self) -> Reading:
        """All batches so far, of this process."""
        return self._reading(self._sums)

    def total(self) -> Reading:
        """All batches so far, of all processes, which must call this together."""
        return self._reading(processes.total(self._sums))

    def since_last(self) -> tuple[float, float]:
        """Loss and accuracy of this process's batches since the last call."""
        loss, correct, n = (self._sums - self._last).tolist()
        self._last = self._sums.clone()
        return loss / n, correct / n

    def _reading(self, sums: Tensor) -> Reading:
        loss, correct, n = sums.tolist()
        seconds = time.perf_counter() - self._started
        return {"seen": int(n), "loss": loss / n, "accuracy": correct / n, "images_per_s": n / seconds}
