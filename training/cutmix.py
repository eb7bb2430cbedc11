"""CutMix (arXiv 1905.04899): a square of another image, and its share of the other label. Knows nothing of networks.

torchvision.transforms.v2.CutMix cuts the same rectangle in every image of a batch; here each image has its own.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from training.augmentation import squares

MAX_AREA = 0.5  # fraction of an image, to the nearest whole pixel: its own label stays the main one


def cutmix(
    images: Tensor, labels: Tensor, *, classes: int, probability: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Paste a square of the previous image in the batch into each of ``images (N, C, S, S)``, with ``probability``.

    Returns the images and, for ``labels (N,) int64``, soft targets ``(N, classes) float32`` by visible area.
    """
    n, side = len(images), images.shape[-1]
    area = MAX_AREA * torch.rand((n, 1), generator=generator) * (torch.rand((n, 1), generator=generator) < probability)
    size = (area.sqrt() * side).round()
    corner = (torch.rand((2, n, 1), generator=generator) * (side - size + 1)).floor()
    pasted = squares(corner, size, side=side).to(images.device)
    mixed = torch.where(pasted[:, None], images.roll(1, dims=0), images)
    other = pasted.float().mean(dim=(1, 2))[:, None]
    targets = F.one_hot(labels, classes).float()
    return mixed, torch.lerp(targets, targets.roll(1, dims=0), other)
