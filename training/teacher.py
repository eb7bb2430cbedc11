"""Distillation (arXiv 1503.02531, 2106.05237): a network learns from what trained ones answer.

Each teacher answers to another view of a picture than the network is shown. So, over many steps, the network comes to
answer to one view what its teachers do on the mean of all views, which is right more often: even where its only
teacher is what it was itself. Knows no labels.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from training.augmentation import Augmentation

VIEW = Augmentation(mirror=True, translate_px=2)


class Teacher:
    """Calibrated ``networks`` that do not learn any more; ``origins`` is what their records say of each."""

    def __init__(self, networks: Sequence[nn.Module], *, origins: Sequence[dict[str, Any]] = ()) -> None:
        self.networks = [network.eval().requires_grad_(False) for network in networks]
        self.origins = list(origins)

    @torch.no_grad()
    def __call__(self, images: Tensor, *, generator: torch.Generator) -> Tensor:
        """Probabilities ``(N, K) float32`` of ``images (N, C, S, S)``; each network answers to its share of them.

        A batch is in random order, so over the epochs a picture meets every network, and with them their mean.
        """
        shares = images.tensor_split(len(self.networks))
        answers = [self._answer(*each, generator) for each in zip(self.networks, shares, strict=True) if len(each[1])]
        return torch.cat(answers)

    @staticmethod
    def _answer(network: nn.Module, images: Tensor, generator: torch.Generator) -> Tensor:
        """Of ``images``, half are mirrored and all are moved."""
        mirrored = torch.rand(len(images), generator=generator).to(images.device) < 0.5
        logits: Tensor = network(VIEW(images, mirrored=mirrored, generator=generator))
        return logits.float().softmax(dim=1)
