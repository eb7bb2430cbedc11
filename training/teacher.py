"""Distillation (arXiv 1503.02531, 2106.05237): a network learns from what trained ones answer.

Each teacher answers to another view of a picture than the network is shown. So, over many steps, the network comes to
answer to one view what its teachers do on the mean of all views, which is right more often: even where its only
teacher is what it was itself. Knows no labels.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from training.augmentation import Augmentation

VIEW = Augmentation(mirror=True, translate_px=2)


class Teacher:
    """Calibrated ``networks`` that do not learn any more; ``fingerprints`` are the SHA-256 of their weights, in hex."""

    def __init__(self, networks: Sequence[nn.Module], *, fingerprints: Sequence[str] = ()) -> None:
        self.networks = [network.eval().requires_grad_(False) for network in networks]
        self.fingerprints = list(fingerprints)

    @torch.no_grad()
    def __call__(self, images: Tensor, *, generator: torch.Generator) -> Tensor:
        """Mean probabilities ``(N, K) float32`` of ``images (N, C, S, S)``; each network has a view of its own."""
        answers = [self._answer(network, images, generator) for network in self.networks]
        return torch.stack(answers).mean(dim=0)

    @staticmethod
    def _answer(network: nn.Module, images: Tensor, generator: torch.Generator) -> Tensor:
        """Of ``images``, half are mirrored and all are moved."""
        mirrored = torch.rand(len(images), generator=generator).to(images.device) < 0.5
        logits: Tensor = network(VIEW(images, mirrored=mirrored, generator=generator))
        return logits.float().softmax(dim=1)
