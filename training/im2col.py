"""3 x 3 convolutions on small maps as matrix products, where oneDNN's own take several times as long.

Up to 3 x 3 pixels the convolution is one matrix from all pixels of a map to all pixels of the answer. Up to 7 x 7 only
the filters' gradient is a matter of products: nine, one a tap. Milliseconds for 1,000 maps in bfloat16, two Xeon cores
with amx_bf16, torch 2.14, oneDNN's and these:

    maps          forward       maps' gradient   filters' gradient
    320 x 2 x 2   11.6    1.9   12.2      1.3    61.2    3.2
    320 x 3 x 3   14.6   10.0   14.8      6.8    75.7   15.0
    192 x 7 x 7   12.5          12.5             46.6   34

Without matrix units oneDNN is slower only up to 2 x 2 pixels: pictures of the fast recipe trained a second, two Zen 4
cores, forward and backward, by oneDNN alone, by products as above, and up to 2 x 2 pixels:

    20 x 20       1,344   1,440   1,483
    24 x 24         897     929     964
    32 x 32         489     461     489
"""

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv2d_input

from training.processor import has_amx

LARGEST_SIDE = 7 if has_amx() else 2  # pixels; on 15 x 15 oneDNN is the faster one in any case
LARGEST_DENSE_SIDE = 3 if has_amx() else 2  # pixels; up to here the whole convolution is one product
TURNED_AT_ONCE = 2048  # rows, in the cache: torch turns a matrix over in one piece, by one thread; 5 instead of 20 ms


def use_im2col(network: nn.Module) -> None:
    """Let the 3 x 3 convolutions of ``network`` train faster, in place; weights and results stay as they are."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d) and _is_plain(layer):
            layer.__class__ = _Convolution


def _is_plain(layer: nn.Conv2d) -> bool:
    """Whether it is 3 x 3, zero-padded by 1, without bias, stride, dilation or groups."""
    shape = (layer.kernel_size, layer.padding, layer.stride, layer.dilation, layer.groups, layer.padding_mode)
    return layer.bias is None and shape == ((3, 3), (1, 1), (1, 1), (1, 1), 1, "zeros")


class _Convolution(nn.Conv2d):
    """3 x 3, padded by 1, without bias."""

    def forward(self, input: Tensor) -> Tensor:
        """``(N, C, S, S)`` to ``(N, D, S, S)``."""
        side = max(input.shape[2:])
        half = input.dtype is torch.bfloat16 and input.device.type == "cpu"
        if side > LARGEST_SIDE or not (half and torch.is_grad_enabled()):
            return super().forward(input)
        way = _OneProduct if side <= LARGEST_DENSE_SIDE else _NineProducts
        convolved: Tensor = way.apply(input, self.weight.to(torch.bfloat16))
        return convolved


class _NineProducts(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, filters: Tensor) -> Tensor:
        ctx.save_for_backward(maps, filters)
        return F.conv2d(maps, filters, padding=1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        maps, filters = ctx.saved_tensors
        of_maps: Tensor = conv2d_input(maps.shape, filters, gradient, padding=1)  # type: ignore[no-untyped-call]
        return of_maps, filter_gradient(maps, gradient)


def filter_gradient(maps: Tensor, gradient: Tensor) -> Tensor:
    """Gradient ``(D, C, 3, 3)`` of the filters, from ``maps (N, C, H, W)`` and the output's ``gradient (N, D, H, W)``.

    Both are laid out as one row of pixels: the first line of every map, then the second, a zero after each. A filter's
    tap then pairs every pixel with the one a fixed way along: what would reach over a side meets a zero.
    """
    n, _, _, width = maps.shape
    pixels, gradients = _pixels(maps), _turned(_pixels(gradient))
    count = len(pixels)
    taps = []
    for offset in (row * n * (width + 1) + column for row in (-1, 0, 1) for column in (-1, 0, 1)):
        first = max(0, -offset)
        last = max(first, count - max(0, offset))
        taps.append(gradients[:, first:last] @ pixels[first + offset : last + offset])
    return torch.stack(taps).reshape(3, 3, gradient.shape[1], maps.shape[1]).permute(2, 3, 0, 1)


def _pixels(maps: Tensor) -> Tensor:
    """``(N, C, H, W)`` to ``(H * N * (W + 1), C)``."""
    return F.pad(maps.permute(2, 0, 3, 1), (0, 0, 0, 1)).flatten(0, 2)


def _turned(matrix: Tensor) -> Tensor:
    """``(R, C)`` to ``(C, R)``, contiguous."""
    return torch.cat([part.T for part in torch.split(matrix, TURNED_AT_ONCE)], dim=1)


class _OneProduct(torch.autograd.Function):
    """The convolution as one matrix from all pixels of a map to all of the answer's."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, filters: Tensor) -> Tensor:
        height, width = maps.shape[2:]
        matrix = _matrix(filters, height, width)
        ctx.save_for_backward(maps, matrix)
        ctx.filters = filters.shape
        return _maps(_rows(maps) @ matrix, height, width)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        maps, matrix = ctx.saved_tensors
        height, width = maps.shape[2:]
        gradients = _rows(gradient)
        of_maps = _maps(gradients @ matrix.T, height, width)
        return of_maps, _taps(_rows(maps).T @ gradients, ctx.filters, height, width)


def _rows(maps: Tensor) -> Tensor:
    """``(N, C, H, W)`` to ``(N, H * W * C)``."""
    return maps.permute(0, 2, 3, 1).flatten(1)


def _maps(rows: Tensor, height: int, width: int) -> Tensor:
    """``(N, H * W * C)`` to ``(N, C, H, W)``, channels last."""
    return rows.view(len(rows), height, width, -1).permute(0, 3, 1, 2)


@cache
def _paths(height: int, width: int) -> list[tuple[int, int, int]]:
    """Which pixel of a map reaches which pixel of the answer, and by which of the nine taps."""
    pixels = [(row, column) for row in range(height) for column in range(width)]
    return [
        (start, end, 3 * (row - to_row + 1) + column - to_column + 1)
        for start, (row, column) in enumerate(pixels)
        for end, (to_row, to_column) in enumerate(pixels)
        if max(abs(row - to_row), abs(column - to_column)) <= 1
    ]


def _matrix(filters: Tensor, height: int, width: int) -> Tensor:
    """``filters (D, C, 3, 3)`` as a matrix ``(H * W * C, H * W * D)``."""
    taps = filters.permute(2, 3, 1, 0).flatten(0, 1)  # (9, C, D)
    _, deep, wide = taps.shape
    blocks = filters.new_zeros(height * width, deep, height * width, wide)
    for start, end, tap in _paths(height, width):
        blocks[start, :, end] = taps[tap]
    return blocks.flatten(2).flatten(0, 1)


def _taps(matrix: Tensor, filters: torch.Size, height: int, width: int) -> Tensor:
    """Gradient of ``filters (D, C, 3, 3)`` from that of their matrix: what each tap has done, added up in float32."""
    wide, deep = filters[:2]
    blocks = matrix.view(height * width, deep, height * width, wide)
    taps = torch.zeros(9, deep, wide)
    for start, end, tap in _paths(height, width):
        taps[tap] += blocks[start, :, end]
    return taps.to(matrix.dtype).view(3, 3, deep, wide).permute(3, 2, 0, 1)
