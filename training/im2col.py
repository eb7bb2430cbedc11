"""im2col: 3 x 3 convolutions on small feature maps trained by matrix products (GEMM), which oneDNN is slower at.

Only for bfloat16 on CPUs with AMX. Up to 3 x 3 pixels the whole convolution is one GEMM, with the dense matrix that
leads from all pixels of a map to all pixels of its output. Up to 7 x 7 pixels the weight gradient is nine GEMMs, one
for each kernel position. Milliseconds for 1,000 maps, two Xeon cores with amx_bf16, torch 2.14, oneDNN and GEMM:

    maps          forward       input gradient   weight gradient
    320 x 2 x 2   11.6    1.9   12.2      1.3    61.2    3.2
    320 x 3 x 3   14.6   10.0   14.8      6.8    75.7   15.0
    192 x 7 x 7   12.5          12.5             46.6   34

The weight gradient alone makes `fast` train 38 % more images a second (376 to 518, one core) and `accurate` 25 %.
Without AMX (two Zen 4 cores) it would gain 10 % at 20 x 20 pixels and nothing at 32 x 32: not worth another path.
"""

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv2d_input

from training.processor import has_amx

MAX_SIDE = 7  # pixels; at 15 x 15 oneDNN is the faster one
MAX_DENSE_SIDE = 3  # pixels; up to here the whole convolution is one GEMM
TRANSPOSED_ROWS = 2048  # at a time, which the cache holds: torch transposes with one thread; 5 instead of 20 ms


def use_im2col(network: nn.Module) -> None:
    """Make the 3 x 3 convolutions of ``network`` train faster, in place, where the CPU has AMX; results stay."""
    if not has_amx():
        return
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d) and _is_plain(layer):
            layer.__class__ = _Im2colConv2d


def _is_plain(layer: nn.Conv2d) -> bool:
    """Whether it is 3 x 3, zero-padded by 1, without bias, stride, dilation or groups."""
    shape = (layer.kernel_size, layer.padding, layer.stride, layer.dilation, layer.groups, layer.padding_mode)
    return layer.bias is None and shape == ((3, 3), (1, 1), (1, 1), (1, 1), 1, "zeros")


class _Im2colConv2d(nn.Conv2d):
    """A 3 x 3 convolution, padded by 1, without bias."""

    def forward(self, input: Tensor) -> Tensor:
        """``(N, C, S, S)`` to ``(N, D, S, S)``."""
        side = max(input.shape[2:])
        is_bf16_on_cpu = input.dtype is torch.bfloat16 and input.device.type == "cpu"
        if side > MAX_SIDE or not (is_bf16_on_cpu and torch.is_grad_enabled()):
            return super().forward(input)
        function = _DenseConvolution if side <= MAX_DENSE_SIDE else _GemmWeightGradient
        output: Tensor = function.apply(input, self.weight.to(torch.bfloat16))
        return output


class _GemmWeightGradient(torch.autograd.Function):
    """oneDNN's convolution with the weight gradient by GEMM."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(maps, weight)
        return F.conv2d(maps, weight, padding=1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        maps, weight = ctx.saved_tensors
        input_gradient: Tensor = conv2d_input(maps.shape, weight, gradient, padding=1)  # type: ignore[no-untyped-call]
        return input_gradient, weight_gradient(maps, gradient)


def weight_gradient(maps: Tensor, gradient: Tensor) -> Tensor:
    """Weight gradient ``(D, C, 3, 3)`` of input ``maps (N, C, H, W)`` and output ``gradient (N, D, H, W)``.

    Both become one sequence of pixels: the first row of every map, then the second, with a zero after each row. Each
    kernel position then pairs every pixel with the one at a fixed offset; beyond an edge it meets a zero.
    """
    n, _, _, width = maps.shape
    pixels, gradients = _pixel_rows(maps), _transposed(_pixel_rows(gradient))
    count = len(pixels)
    products = []
    for offset in (row * n * (width + 1) + column for row in (-1, 0, 1) for column in (-1, 0, 1)):
        first = max(0, -offset)
        last = max(first, count - max(0, offset))
        products.append(gradients[:, first:last] @ pixels[first + offset : last + offset])
    return torch.stack(products).reshape(3, 3, gradient.shape[1], maps.shape[1]).permute(2, 3, 0, 1)


def _pixel_rows(maps: Tensor) -> Tensor:
    """``(N, C, H, W)`` to ``(H * N * (W + 1), C)``."""
    return F.pad(maps.permute(2, 0, 3, 1), (0, 0, 0, 1)).flatten(0, 2)


def _transposed(matrix: Tensor) -> Tensor:
    """``(R, C)`` to ``(C, R)``, contiguous."""
    return torch.cat([part.T for part in torch.split(matrix, TRANSPOSED_ROWS)], dim=1)


class _DenseConvolution(torch.autograd.Function):
    """The convolution as one product with a dense matrix."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor) -> Tensor:
        height, width = maps.shape[2:]
        matrix = _dense_matrix(weight, height, width)
        ctx.save_for_backward(maps, matrix)
        ctx.weight_shape = weight.shape
        return _unflattened(_flattened(maps) @ matrix, height, width)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        maps, matrix = ctx.saved_tensors
        height, width = maps.shape[2:]
        gradients = _flattened(gradient)
        input_gradient = _unflattened(gradients @ matrix.T, height, width)
        return input_gradient, _summed_to_weight(_flattened(maps).T @ gradients, ctx.weight_shape, height, width)


def _flattened(maps: Tensor) -> Tensor:
    """``(N, C, H, W)`` to ``(N, H * W * C)``."""
    return maps.permute(0, 2, 3, 1).flatten(1)


def _unflattened(rows: Tensor, height: int, width: int) -> Tensor:
    """``(N, H * W * C)`` to ``(N, C, H, W)``, channels last."""
    return rows.view(len(rows), height, width, -1).permute(0, 3, 1, 2)


@cache
def _connections(height: int, width: int) -> list[tuple[int, int, int]]:
    """(input pixel, output pixel, kernel position 0 to 8) of all pixels that a 3 x 3 kernel connects."""
    pixels = [(row, column) for row in range(height) for column in range(width)]
    return [
        (source, target, 3 * (row - to_row + 1) + column - to_column + 1)
        for source, (row, column) in enumerate(pixels)
        for target, (to_row, to_column) in enumerate(pixels)
        if max(abs(row - to_row), abs(column - to_column)) <= 1
    ]


def _dense_matrix(weight: Tensor, height: int, width: int) -> Tensor:
    """``weight (D, C, 3, 3)`` as a matrix ``(H * W * C, H * W * D)``."""
    kernel = weight.permute(2, 3, 1, 0).flatten(0, 1)  # (9, C, D)
    _, channels, filters = kernel.shape
    blocks = weight.new_zeros(height * width, channels, height * width, filters)
    for source, target, position in _connections(height, width):
        blocks[source, :, target] = kernel[position]
    return blocks.flatten(2).flatten(0, 1)


def _summed_to_weight(matrix: Tensor, shape: torch.Size, height: int, width: int) -> Tensor:
    """Gradient of the weight of this ``shape (D, C, 3, 3)`` from that of its matrix, summed in float32."""
    filters, channels = shape[:2]
    blocks = matrix.view(height * width, channels, height * width, filters)
    kernel = torch.zeros(9, channels, filters)
    for source, target, position in _connections(height, width):
        kernel[position] += blocks[source, :, target]
    return kernel.to(matrix.dtype).view(3, 3, channels, filters).permute(3, 2, 0, 1)
