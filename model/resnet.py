"""A small residual network that trains fast and serves fast: 3.3 million parameters, 0.26 GFLOP a picture."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WHITENING_WIDTH = 24  # both signs of the 12 directions of a 2 x 2 patch of 3 colours
WIDTHS = (64, 192, 320)


class ResNet(nn.Module):
    """Pixels ``(N, 3, 32, 32) uint8`` to logits ``(N, classes) float32``.

    The shape is that of airbench96 (arXiv 2404.00498, section 3), narrower: a fixed whitening convolution, three
    groups of three convolutions with a residual around the last two, a global maximum, one linear layer. In
    evaluation mode the logits are divided by ``temperature``, a buffer that calibration fits.
    """

    image_size = 32
    mean: Tensor
    deviation: Tensor
    temperature: Tensor

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.4914, 0.4822, 0.4465]).reshape(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor([0.2470, 0.2435, 0.2616]).reshape(1, 3, 1, 1))
        self.register_buffer("temperature", torch.ones(()))
        self.whitening = nn.Conv2d(3, WHITENING_WIDTH, 2)
        self.whitening.weight.requires_grad_(False)
        self.shrink = nn.ModuleList(_shrink(*widths) for widths in pairwise((WHITENING_WIDTH, *WIDTHS)))
        self.deepen = nn.ModuleList(_deepen(width) for width in WIDTHS)
        self.head = nn.Linear(WIDTHS[-1], classes, bias=False)
        with torch.no_grad():
            self.head.weight /= self.head.weight.std()
        # What convolutions on a CPU, and half precision on a GPU, are fastest with.
        self.to(memory_format=torch.channels_last)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits of a batch of pictures; values 0 to 255 in, no softmax applied."""
        x = F.gelu(self.whitening(self._normalised(pixels)))  # (N, 24, 31, 31)
        for shrink, deepen in zip(self.shrink, self.deepen, strict=True):
            x = shrink(x)  # (N, 64, 15, 15), (N, 192, 7, 7), (N, 320, 3, 3)
            x = F.gelu(x + deepen(x))
        logits: Tensor = self.head(x.amax(dim=(2, 3))).float() / WIDTHS[-1]
        return logits if self.training else logits / self.temperature

    @torch.no_grad()
    def whiten(self, pixels: Tensor) -> None:
        """Set the first convolution from the patches of some pictures ``(N, 3, 32, 32) uint8``."""
        patches = self._normalised(pixels).unfold(2, 2, 1).unfold(3, 2, 1)  # (N, 3, 31, 31, 2, 2)
        flat = patches.permute(0, 2, 3, 1, 4, 5).reshape(-1, 12)
        variances, directions = torch.linalg.eigh(flat.T @ flat / len(flat))
        filters = (directions / (variances + 5e-4).sqrt()).T.reshape(12, 3, 2, 2)
        self.whitening.weight.copy_(torch.cat([filters, -filters]))

    def _normalised(self, pixels: Tensor) -> Tensor:
        pixels = pixels.to(memory_format=torch.channels_last)
        return (pixels.float() / 255 - self.mean) / self.deviation


def _shrink(width_in: int, width_out: int) -> nn.Sequential:
    """Widen, and halve the side."""
    return nn.Sequential(_convolution(width_in, width_out), nn.MaxPool2d(2), _norm(width_out), nn.GELU())


def _deepen(width: int) -> nn.Sequential:
    """Two convolutions, to be added to what they get."""
    return nn.Sequential(_convolution(width, width), _norm(width), nn.GELU(), _convolution(width, width), _norm(width))


def _convolution(width_in: int, width_out: int) -> nn.Conv2d:
    """3 x 3, starting as the identity on its first channels (airbench: signals pass from the first step on)."""
    convolution = nn.Conv2d(width_in, width_out, 3, padding=1, bias=False)
    nn.init.dirac_(convolution.weight.data[:width_in])
    return convolution


def _norm(width: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(width)
    norm.weight.requires_grad_(False)  # the next convolution's filters scale as well
    return norm
