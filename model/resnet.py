"""A residual network that trains fast for how good it is: 6.6 million parameters, 0.69 GFLOP a picture."""

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WHITENING_WIDTH = 24  # both signs of the 12 directions of a 2 x 2 patch of 3 colours
# Of each group: width, whether it halves the side first, and how many pairs of convolutions are added to what they get.
Groups = Sequence[tuple[int, bool, int]]
GROUPS: Groups = ((64, True, 0), (128, False, 1), (256, True, 2), (384, True, 1))


class ResNet(nn.Module):
    """Pixels ``(N, 3, 32, 32) uint8`` to logits ``(N, classes) float32``.

    The shape comes from airbench96 (arXiv 2404.00498, section 3): a fixed whitening convolution, groups of
    convolutions with residuals, a global maximum, one linear layer; deeper, and narrower on the small maps. In
    evaluation mode the logits are calibrated: scaled by a factor of their top-2 margin whose coefficients, the buffer
    ``calibration``, are fitted after training. Given weights of other ``groups`` it takes their shape, so whoever loads
    it need not know what it was trained as.
    """

    image_size = 32
    mean: Tensor
    deviation: Tensor
    calibration: Tensor

    def __init__(self, classes: int = 10, *, groups: Groups = GROUPS) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.4914, 0.4822, 0.4465]).reshape(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor([0.2470, 0.2435, 0.2616]).reshape(1, 3, 1, 1))
        self.register_buffer("calibration", torch.tensor([1.0, 0.0, 0.0]))
        self.whitening = nn.Conv2d(3, WHITENING_WIDTH, 2)
        self.whitening.weight.requires_grad_(False)
        self._shape(classes, groups)
        self.register_load_state_dict_pre_hook(_take_shape)  # type: ignore[no-untyped-call]

    def _shape(self, classes: int, groups: Groups) -> None:
        """Make the layers that learn."""
        self.groups = [*groups]
        widths = [WHITENING_WIDTH, *(width for width, _, _ in groups)]
        self.widen = nn.ModuleList(
            _widen(width_in, width, halves=halves)
            for width_in, (width, halves, _) in zip(widths[:-1], groups, strict=True)
        )
        self.residuals = nn.ModuleList(
            nn.ModuleList(_residual(width) for _ in range(count)) for width, _, count in groups
        )
        self.head = nn.Linear(widths[-1], classes, bias=False)
        with torch.no_grad():
            self.head.weight /= self.head.weight.std()
        # What convolutions on a CPU, and half precision on a GPU, are fastest with.
        self.to(self.mean.device).to(memory_format=torch.channels_last).train(self.training)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits of a batch of pictures; values 0 to 255 in, no softmax applied."""
        x = F.gelu(self.whitening(self._normalised(pixels)))  # (N, 24, 31, 31)
        for widen, residuals in zip(self.widen, self.residuals, strict=True):
            x = widen(x)  # of GROUPS: (N, 64, 15, 15), (N, 128, 15, 15), (N, 256, 7, 7), (N, 384, 3, 3)
            for residual in residuals.children():
                x = F.gelu(x + residual(x))
        logits: Tensor = self.head(x.amax(dim=(2, 3))).float() / self.head.in_features
        return logits if self.training else self.calibrated(logits, self.calibration)

    @staticmethod
    def calibrated(logits: Tensor, coefficients: Tensor) -> Tensor:
        """Logits ``(N, classes)``, each row times c0 + c1 m + c2 m², where m is its top-2 margin."""
        top2 = logits.topk(2, dim=1).values
        margin, (c0, c1, c2) = top2[:, :1] - top2[:, 1:], coefficients.unbind()
        scaled: Tensor = logits * (c0 + (c1 + c2 * margin) * margin)
        return scaled

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


def _take_shape(network: ResNet, weights: MutableMapping[str, Tensor], *_: Any) -> None:
    """Before weights are loaded: make the layers that these were trained as.

    Weights of older releases may carry buffers named `reach` (activation ranges); nothing reads them any more.
    """
    if "sharpness" in weights:
        raise RuntimeError(
            "these weights are of an older release, whose buffer `calibration` was called `sharpness`: "
            "migrate them with `python train.py migrate RECORD`, RECORD being the .json beside them"
        )
    for name in [name for name in weights if name.endswith(".reach")]:
        del weights[name]
    groups = _groups(weights)
    if groups and groups != network.groups:
        network._shape(network.head.out_features, groups)


def _groups(weights: Mapping[str, Tensor]) -> Groups:
    """The groups that weights are of, from their names and shapes."""
    groups: list[tuple[int, bool, int]] = []
    while (filters := weights.get(f"widen.{len(groups)}.0.weight")) is not None:
        here = len(groups)
        halves = f"widen.{here}.2.running_mean" in weights  # pooling, which has no weights, stands before the norm
        pairs = {name.split(".")[2] for name in weights if name.startswith(f"residuals.{here}.")}
        groups.append((len(filters), halves, len(pairs)))
    return groups


def _widen(width_in: int, width_out: int, *, halves: bool) -> nn.Sequential:
    pool = [nn.MaxPool2d(2)] if halves else []
    return nn.Sequential(_convolution(width_in, width_out), *pool, _norm(width_out), nn.GELU())


def _residual(width: int) -> nn.Sequential:
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
