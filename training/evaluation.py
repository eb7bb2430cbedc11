"""How good a network is on given pictures: one forward pass each, in evaluation mode."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.sources import Pictures

BATCH_SIZE = 500


@dataclass(frozen=True)
class Evaluation:
    """Counts of one evaluation: ``confusion (K, K) int64``, a row a true class, a column an answered one."""

    confusion: Tensor

    @property
    def n(self) -> int:
        """How many pictures."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Share of right answers, 0 to 1."""
        return int(self.confusion.diagonal().sum()) / self.n

    @property
    def recall(self) -> list[float | None]:
        """Of each class's pictures, the share found; None for a class without pictures."""
        return _shares(self.confusion.diagonal(), self.confusion.sum(dim=1))

    @property
    def precision(self) -> list[float | None]:
        """Of the answers of each class, the share right; None for a class never answered."""
        return _shares(self.confusion.diagonal(), self.confusion.sum(dim=0))


def predict(network: nn.Module, images: Tensor, *, bf16: bool = False) -> Tensor:
    """Logits ``(N, K) float32`` on the CPU of ``images (N, 3, S, S) uint8``, computed in float32 unless ``bf16``.

    Leaves the network in the mode it was in.
    """
    device = next(network.parameters()).device
    was_training = network.training
    network.eval()
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        logits = torch.cat([network(batch.to(device)).float().cpu() for batch in torch.split(images, BATCH_SIZE)])
    network.train(was_training)
    return logits


def evaluate(logits: Tensor, labels: Tensor) -> Evaluation:
    """Count the answers, the highest of ``logits (N, K)``, against ``labels (N,)``."""
    classes = logits.shape[1]
    cells = labels.cpu() * classes + logits.argmax(dim=1)
    return Evaluation(torch.bincount(cells, minlength=classes * classes).reshape(classes, classes))


def accuracy_and_loss(network: nn.Module, pictures: Pictures, *, bf16: bool) -> tuple[float, float]:
    """Share of right answers and mean cross entropy (nats) on ``pictures``."""
    logits = predict(network, pictures.images, bf16=bf16)
    labels = pictures.labels.cpu()
    return evaluate(logits, labels).accuracy, nn.functional.cross_entropy(logits, labels).item()


def agreement(one: Tensor, other: Tensor) -> float:
    """The share of rows of two logits ``(N, K)`` with the same top class, 0 to 1."""
    return torch.eq(one.argmax(dim=1), other.argmax(dim=1)).double().mean().item()


def close_calls(logits: Tensor, *, lead: float) -> Tensor:
    """Which rows of logits ``(N, K)``, ``(N,) bool``, have a best one that leads by less than ``lead``."""
    best, second = logits.topk(2, dim=1).values.unbind(dim=1)
    return best - second < lead


def _shares(part: Tensor, whole: Tensor) -> list[float | None]:
    pairs = zip(part.tolist(), whole.tolist(), strict=True)
    return [hit / total if total else None for hit, total in pairs]
