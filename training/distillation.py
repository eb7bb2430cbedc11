"""Knowledge distillation (arXiv 1503.02531): a student is trained on the probabilities of trained networks.

Teacher and student see different augmentations of an image, drawn at random at every step. Over many steps the student
so approaches the mean of the teacher's answers over all augmentations, which is more accurate than a single one: even
self-distillation, where the teacher is what the student started from, helps. arXiv 2106.05237 gives both the same
augmentation instead. Knows no labels.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from training.augmentation import Augmentation

TEACHER_AUGMENTATION = Augmentation(horizontal_flip=True, translate_px=2)


class Teacher:
    """Calibrated ``networks``, frozen and in evaluation mode; ``records`` describes each for the student's record."""

    def __init__(self, networks: Sequence[nn.Module], *, records: Sequence[dict[str, Any]] = ()) -> None:
        self.networks = [network.eval().requires_grad_(False) for network in networks]
        self.records = list(records)

    @torch.no_grad()
    def __call__(self, images: Tensor, *, generator: torch.Generator) -> Tensor:
        """Probabilities ``(N, K) float32`` of ``images (N, C, S, S)``; each network answers its share of the batch.

        Batches are in random order, so over the epochs an image meets every network: the target is their mean.
        """
        parts = images.tensor_split(len(self.networks))
        answers = [self._answer(*each, generator) for each in zip(self.networks, parts, strict=True) if len(each[1])]
        return torch.cat(answers)

    @staticmethod
    def _answer(network: nn.Module, images: Tensor, generator: torch.Generator) -> Tensor:
        """Probabilities of one network, half of the images flipped and all translated."""
        flipped = torch.rand(len(images), generator=generator).to(images.device) < 0.5
        logits: Tensor = network(TEACHER_AUGMENTATION(images, flipped=flipped, generator=generator))
        return logits.float().softmax(dim=1)
