"""Data augmentation on tensors, a batch at a time: flip, translation, cutout, colour jitter, blur.

Flips alternate (arXiv 2404.00498, section 3.6): an image seen flipped in one epoch is seen unflipped in the next.
Knows nothing about labels or networks.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

GREY = 120.0  # about the mean of CIFAR-10's pixels


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Which augmentations are applied, and how strongly; all zero changes nothing."""

    horizontal_flip: bool = False
    translate_px: int = 0  # at most, in both directions; the border is filled by reflection
    cutout_px: int = 0  # side of the square
    contrast: float = 0.0  # 0.2: by a factor of 0.8 to 1.2
    brightness: float = 0.0  # 0.2: by up to 0.2 of the whole range, lighter or darker
    blur_probability: float = 0.0  # blurred as enlarged or recompressed images are

    @property
    def changes_anything(self) -> bool:
        """Whether any augmentation is on."""
        return self != UNCHANGED

    def __call__(self, images: Tensor, *, flipped: Tensor, generator: torch.Generator) -> Tensor:
        """Augment ``images (N, C, S, S) uint8``; those ``flipped (N,) bool`` are flipped left to right.

        Returns ``(N, C, S, S) float32``, 0 to 255 or a little beyond, channels last.
        """
        images = self._flip_and_translate(images, flipped, generator).float()
        if self.blur_probability:
            images = self._blur(images, generator)
        if self.contrast or self.brightness:
            images = self._jitter_colours(images, generator)
        if self.cutout_px:
            images = self._cut_out(images, generator)
        return images

    def _flip_and_translate(self, images: Tensor, flipped: Tensor, generator: torch.Generator) -> Tensor:
        """Flip and translate in one gather, by the source row and column of every output pixel."""
        n, _, _, side = images.shape
        limit = self.translate_px
        shift = torch.randint(-limit, limit + 1, (2, n, 1), generator=generator).to(images.device)
        rows, columns = _reflected(torch.arange(side, device=images.device) + shift, side)  # (N, S) each
        if self.horizontal_flip:
            columns = torch.where(flipped[:, None], side - 1 - columns, columns)
        image = torch.arange(n, device=images.device)
        moved: Tensor = images[image[:, None, None], :, rows[:, :, None], columns[:, None, :]]  # (N, S, S, C)
        return moved.permute(0, 3, 1, 2)

    def _blur(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Blend some images with their 3 x 3 mean, each by its own amount."""
        n = len(images)
        amount = torch.rand(n, generator=generator) * (torch.rand(n, generator=generator) < self.blur_probability)
        blurred = F.avg_pool2d(images, 3, stride=1, padding=1, count_include_pad=False)
        return torch.lerp(images, blurred, amount.to(images.device).reshape(n, 1, 1, 1))

    def _jitter_colours(self, images: Tensor, generator: torch.Generator) -> Tensor:
        draw = torch.rand((2, len(images), 1, 1, 1), generator=generator) * 2 - 1
        contrast, brightness = draw.to(images.device)
        mean = GREY + 255 * self.brightness * brightness
        return torch.addcmul(mean, images - GREY, 1 + self.contrast * contrast)

    def _cut_out(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Cutout (arXiv 1708.04552): one grey square an image, wholly inside."""
        n, _, _, side = images.shape
        corner = torch.randint(0, side - self.cutout_px + 1, (2, n, 1), generator=generator).to(images.device)
        return images.masked_fill(squares(corner, self.cutout_px, side=side)[:, None], GREY)


UNCHANGED = Augmentation()


def squares(corner: Tensor, size: Tensor | int, *, side: int) -> Tensor:
    """Masks ``(N, side, side) bool`` of squares: ``corner (2, N, 1)``, ``size`` in pixels, one or ``(N, 1)``."""
    inside = torch.arange(side, device=corner.device) - corner  # (2, N, side)
    rows, columns = (inside >= 0) & (inside < size)
    masks: Tensor = rows[:, :, None] & columns[:, None, :]
    return masks


def _reflected(index: Tensor, side: int) -> Tensor:
    """Indices beyond an edge, reflected at it without repeating the edge."""
    index = index.abs()
    return torch.where(index < side, index, 2 * (side - 1) - index)
