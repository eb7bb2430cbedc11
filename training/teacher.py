"""Self-distillation (arXiv 1503.02531, 2106.05237): a network learns from the very weights that its run starts from.

The teacher answers to another view of each picture than the network is shown. So, over many steps, the network comes
to answer to one view what its teacher does on the mean of all views, which is right more often. Knows no labels.
"""

import torch
from torch import Tensor, nn

from training.augmentation import Augmentation

VIEW = Augmentation(mirror=True, translate_px=2)


class Teacher:
    """A calibrated ``network`` that does not learn any more."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network.eval().requires_grad_(False)

    @torch.no_grad()
    def __call__(self, images: Tensor, *, generator: torch.Generator) -> Tensor:
        """Probabilities ``(N, K) float32`` of ``images (N, C, S, S)``, half of them mirrored, all of them moved."""
        mirrored = torch.rand(len(images), generator=generator).to(images.device) < 0.5
        logits: Tensor = self.network(VIEW(images, mirrored=mirrored, generator=generator))
        return logits.float().softmax(dim=1)
