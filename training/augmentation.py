"""Other views of the same pictures, made a batch at a time from tensors: mirrored, moved, covered, recoloured.

Mirroring alternates (arXiv 2404.00498, section 3.6): a picture seen mirrored in one epoch is seen straight in the
next. Knows nothing about labels or networks.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

GREY = 120.0  # about the mean of CIFAR-10's pixels


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How far a picture may be changed; all zero changes nothing."""

    mirror: bool = False
    translate_px: int = 0  # either way, in both directions; what comes in is the picture reflected
    cutout_px: int = 0  # side of a square made grey
    contrast: float = 0.0  # 0.2: between 0.8 and 1.2 times
    brightness: float = 0.0  # 0.2: up to 0.2 of the whole range, lighter or darker
    blur: float = 0.0  # share of pictures that are blurred, as pictures enlarged or compressed again are

    @property
    def changes_anything(self) -> bool:
        """Whether there is anything to do."""
        return self != UNCHANGED

    def __call__(self, images: Tensor, *, mirrored: Tensor, generator: torch.Generator) -> Tensor:
        """Change ``images (N, C, S, S) uint8``, those ``mirrored (N,) bool`` left to right.

        Returns ``(N, C, S, S) float32``, 0 to 255 or a little beyond, channels last.
        """
        images = self._move(images, mirrored, generator).float()
        if self.blur:
            images = self._blur(images, generator)
        if self.contrast or self.brightness:
            images = self._recolour(images, generator)
        if self.cutout_px:
            images = self._cover(images, generator)
        return images

    def _move(self, images: Tensor, mirrored: Tensor, generator: torch.Generator) -> Tensor:
        """Mirror and translate in one gather: every output row and column knows where it comes from."""
        n, _, _, side = images.shape
        reach = self.translate_px
        shift = torch.randint(-reach, reach + 1, (2, n, 1), generator=generator).to(images.device)
        rows, columns = _reflected(torch.arange(side, device=images.device) + shift, side)  # (N, S) each
        if self.mirror:
            columns = torch.where(mirrored[:, None], side - 1 - columns, columns)
        picture = torch.arange(n, device=images.device)
        moved: Tensor = images[picture[:, None, None], :, rows[:, :, None], columns[:, None, :]]  # (N, S, S, C)
        return moved.permute(0, 3, 1, 2)

    def _blur(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Mix some pictures with their 3 x 3 mean, each by its own amount."""
        n = len(images)
        amount = torch.rand(n, generator=generator) * (torch.rand(n, generator=generator) < self.blur)
        blurred = F.avg_pool2d(images, 3, stride=1, padding=1, count_include_pad=False)
        return torch.lerp(images, blurred, amount.to(images.device).reshape(n, 1, 1, 1))

    def _recolour(self, images: Tensor, generator: torch.Generator) -> Tensor:
        draw = torch.rand((2, len(images), 1, 1, 1), generator=generator) * 2 - 1
        contrast, brightness = draw.to(images.device)
        lighter = GREY + 255 * self.brightness * brightness
        return torch.addcmul(lighter, images - GREY, 1 + self.contrast * contrast)

    def _cover(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Cutout (arXiv 1708.04552): one square a picture, wholly inside."""
        n, _, _, side = images.shape
        corner = torch.randint(0, side - self.cutout_px + 1, (2, n, 1), generator=generator).to(images.device)
        return images.masked_fill(squares(corner, self.cutout_px, side=side)[:, None], GREY)


UNCHANGED = Augmentation()


def squares(corner: Tensor, cut: Tensor | int, *, side: int) -> Tensor:
    """Masks ``(N, side, side) bool`` of squares: ``corner (2, N, 1)``, and ``cut`` pixels a side, one or ``(N, 1)``."""
    inside = torch.arange(side, device=corner.device) - corner  # (2, N, side)
    rows, columns = (inside >= 0) & (inside < cut)
    masks: Tensor = rows[:, :, None] & columns[:, None, :]
    return masks


def _reflected(index: Tensor, side: int) -> Tensor:
    """Indices beyond an edge, mirrored back at it without repeating the edge."""
    index = index.abs()
    return torch.where(index < side, index, 2 * (side - 1) - index)
