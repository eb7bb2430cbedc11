"""EfficientNet-Lite0 for small pictures: 3.4 million parameters, 0.15 GFLOP a picture."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Kernel, stride, expansion, width and count of each stage's blocks: EfficientNet-B0 (arXiv 1905.11946, table 1). Lite
# leaves out squeeze and excitation, has ReLU6 for Swish, and keeps stem and head at their widths.
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
STEM_WIDTH = 32
HEAD_WIDTH = 1280


class EfficientNet(nn.Module):
    """Pixels ``(N, 3, 32, 32) uint8`` to logits ``(N, classes) float32``.

    Pictures are enlarged inside the network, to ``side_px``: what it learned from photos it then finds at about the
    size it knows. A side of 32 k + 1 stays odd through every stride but the last, so that padding is even on both
    sides. In evaluation mode the logits are divided by ``temperature``, which calibration fits. Both are buffers: they
    travel with the weights.
    """

    image_size = 32
    side_px: Tensor
    enlarging: Tensor
    temperature: Tensor

    def __init__(self, classes: int = 10, *, side_px: int = 97) -> None:
        super().__init__()
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("side_px", torch.tensor(side_px))
        self.enlarge_to(side_px)
        self.stem = _convolution(3, STEM_WIDTH, kernel=3, stride=2)
        self.blocks = nn.ModuleList()
        width_in = STEM_WIDTH
        for kernel, stride, expansion, width, count in STAGES:
            for place in range(count):
                self.blocks.append(_block(width_in, width, kernel, stride if place == 0 else 1, expansion))
                width_in = width
        self.top = _convolution(width_in, HEAD_WIDTH, kernel=1)
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(HEAD_WIDTH, classes)
        nn.init.zeros_(self.head.weight)  # no class is preferred before the first step
        nn.init.zeros_(self.head.bias)
        # What convolutions on a CPU, and half precision on a GPU, are fastest with.
        self.to(memory_format=torch.channels_last)

    def enlarge_to(self, side_px: int) -> None:
        """Choose the side that pictures are enlarged to; training may begin with a smaller, faster one."""
        self.side_px.fill_(side_px)
        rows = torch.eye(self.image_size)[None, None]
        matrix = F.interpolate(rows, size=(side_px, self.image_size), mode="bicubic")[0, 0]
        self.register_buffer("enlarging", matrix.to(self.temperature.device), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits of a batch of pictures; values 0 to 255 in, no softmax applied."""
        x = self.stem(self._enlarged((pixels.float() - 127) / 128))
        for block in self.blocks:
            y = block(x)
            x = x + y if x.shape == y.shape else y
        logits: Tensor = self.head(self.dropout(self.top(x).mean(dim=(2, 3)))).float()
        return logits if self.training else logits / self.temperature

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Enlarge to the side that these weights were trained for."""
        super()._load_from_state_dict(state_dict, prefix, *rest)
        self.enlarge_to(int(self.side_px))

    def _enlarged(self, x: Tensor) -> Tensor:
        """Bicubic, as two matrix products: a fifth of the time that F.interpolate takes."""
        wide = x.contiguous() @ self.enlarging.T  # (N, 3, 32, side)
        return (self.enlarging @ wide).contiguous(memory_format=torch.channels_last)


def _block(width_in: int, width: int, kernel: int, stride: int, expansion: int) -> nn.Sequential:
    """An inverted residual (arXiv 1801.04381): widen, filter each channel by itself, narrow."""
    inner = width_in * expansion
    filtering = _convolution(inner, inner, kernel=kernel, stride=stride, groups=inner)
    narrowing = _convolution(inner, width, kernel=1, activation=False)
    if expansion == 1:
        return nn.Sequential(filtering, narrowing)
    return nn.Sequential(_convolution(width_in, inner, kernel=1), filtering, narrowing)


def _convolution(
    width_in: int, width: int, *, kernel: int, stride: int = 1, groups: int = 1, activation: bool = True
) -> nn.Sequential:
    convolution = nn.Conv2d(width_in, width, kernel, stride, kernel // 2, groups=groups, bias=False)
    layers = [convolution, nn.BatchNorm2d(width, eps=1e-3)]
    return nn.Sequential(*layers, nn.ReLU6(inplace=True)) if activation else nn.Sequential(*layers)
