"""CutMix (arXiv 1905.04899): a rectangle of another picture, and as much of its label. Knows nothing of networks."""

import torch
import torch.nn.functional as F
from torch import Tensor

from training.augmentation import squares

# Share of a picture that is covered at most, to the nearest whole pixel: its own label stays the main one.
LARGEST = 0.5


def cutmix(
    images: Tensor, labels: Tensor, *, classes: int, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Cover a square of ``share`` of ``images (N, C, S, S)`` by the picture before in the batch.

    Of ``labels (N,) int64`` it makes targets ``(N, classes) float32``: how much of either class is to be seen.
    """
    n, side = len(images), images.shape[-1]
    area = LARGEST * torch.rand((n, 1), generator=generator) * (torch.rand((n, 1), generator=generator) < share)
    cut = (area.sqrt() * side).round()
    corner = (torch.rand((2, n, 1), generator=generator) * (side - cut + 1)).floor()
    covered = squares(corner, cut, side=side).to(images.device)
    mixed = torch.where(covered[:, None], images.roll(1, dims=0), images)
    other = covered.float().mean(dim=(1, 2))[:, None]
    targets = F.one_hot(labels, classes).float()
    return mixed, torch.lerp(targets, targets.roll(1, dims=0), other)
