"""Metrics of a network on labelled images: accuracy, confusion matrix, recall, precision, agreement, margins."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from training.image_store import ImageStore

BATCH_PIXELS = 500 * 32 * 32
MIN_BATCH_SIZE = 32


class Labelled(Protocol):
    """Images ``(N, 3, S, S) uint8``, in memory or on disk, and their ``labels (N,) int64``."""

    @property
    def images(self) -> Tensor | ImageStore:
        """The images."""
        ...

    @property
    def labels(self) -> Tensor:
        """Their labels."""
        ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class Evaluation:
    """A confusion matrix ``(K, K) int64``, rows true classes, columns predicted ones, and what follows from it."""

    confusion: Tensor

    @property
    def n(self) -> int:
        """How many images."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Fraction of correct predictions, 0 to 1."""
        return int(self.confusion.diagonal().sum()) / self.n

    @property
    def recall(self) -> list[float | None]:
        """Per class, 0 to 1; None for a class without images."""
        return _ratios(self.confusion.diagonal(), self.confusion.sum(dim=1))

    @property
    def precision(self) -> list[float | None]:
        """Per class, 0 to 1; None for a class that is never predicted."""
        return _ratios(self.confusion.diagonal(), self.confusion.sum(dim=0))


def predict(network: nn.Module, images: Tensor | ImageStore, *, bf16: bool = False) -> Tensor:
    """Logits ``(N, K) float32`` on the CPU of ``images (N, 3, S, S) uint8``, computed in float32 unless ``bf16``.

    The network runs in evaluation mode and is left in the mode it was in.
    """
    device = next(network.parameters()).device
    was_training = network.training
    network.eval()
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        logits = torch.cat([network(batch.to(device)).float().cpu() for batch in batches(images)])
    network.train(was_training)
    return logits


def batches(images: Tensor | ImageStore) -> Iterator[Tensor]:
    """Images as tensors ``(n, 3, S, S) uint8`` that fit into memory together with what a network makes of them."""
    size = max(MIN_BATCH_SIZE, BATCH_PIXELS // images.shape[-1] ** 2)
    return images.batches(size) if isinstance(images, ImageStore) else iter(torch.split(images, size))


def evaluate(logits: Tensor, labels: Tensor) -> Evaluation:
    """The confusion matrix of the top classes of ``logits (N, K)`` against ``labels (N,)``."""
    classes = logits.shape[1]
    cells = labels.cpu() * classes + logits.argmax(dim=1)
    return Evaluation(torch.bincount(cells, minlength=classes * classes).reshape(classes, classes))


def accuracy_and_loss(network: nn.Module, labelled: Labelled, *, bf16: bool) -> tuple[float, float]:
    """Accuracy (0 to 1) and mean cross entropy (nats) on labelled images."""
    logits = predict(network, labelled.images, bf16=bf16)
    labels = labelled.labels.cpu()
    return evaluate(logits, labels).accuracy, nn.functional.cross_entropy(logits, labels).item()


def agreement(one: Tensor, other: Tensor) -> float:
    """The fraction of rows of two logits ``(N, K)`` with the same top class, 0 to 1."""
    return torch.eq(one.argmax(dim=1), other.argmax(dim=1)).double().mean().item()


def _ratios(part: Tensor, whole: Tensor) -> list[float | None]:
    pairs = zip(part.tolist(), whole.tolist(), strict=True)
    return [hit / total if total else None for hit, total in pairs]
