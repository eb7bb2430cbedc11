"""Depthwise convolutions that learn fast on a CPU.

Some of oneDNN's gradients are slow, others in bfloat16 than in float32. In bfloat16 the input's where the stride is 2
(50 ms for 96 x 49 x 49 and 100 pictures; the forward pass takes 2.5) and a 5 x 5 filter's (24 to 37 ms; forward 0.4 to
0.8): both are made here of kernels that are fast, the forward pass itself and the gradient of 3 x 3 filters. In float32
a filter's, of 5 x 5 or at stride 2 (16 ms for 1152 x 4 x 4 and 16 pictures; forward 0.5): our own loop takes 0.5.
"""

from typing import Any, Literal

import numba
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

Array = NDArray[np.float32]

CHANNELS_AT_ONCE = 128  # their filter gradients stay in the first cache


class DepthwiseConvolution(nn.Conv2d):
    """A depthwise convolution whose gradients are computed here; weights and results are those of ``nn.Conv2d``."""

    def forward(self, batch: Tensor) -> Tensor:
        """``(N, C, H, W)`` to ``(N, C, H', W')``."""
        weight = self.weight
        if torch.is_autocast_enabled(batch.device.type):  # which does not reach into a Function
            dtype = torch.get_autocast_dtype(batch.device.type)
            batch, weight = batch.to(dtype), weight.to(dtype)
        convolved: Tensor = _Depthwise.apply(batch, weight, self.stride[0])
        return convolved


def speed_up(network: nn.Module) -> None:
    """Let the depthwise 3 x 3 and 5 x 5 convolutions of a network compute their gradients as this module does."""
    for layer in network.modules():
        if type(layer) is nn.Conv2d and _is_depthwise(layer):
            layer.__class__ = DepthwiseConvolution


def _is_depthwise(layer: nn.Conv2d) -> bool:
    same_padding = layer.padding == (layer.kernel_size[0] // 2,) * 2 and layer.padding_mode == "zeros"
    square = layer.kernel_size in ((3, 3), (5, 5)) and layer.stride[0] == layer.stride[1] and layer.dilation == (1, 1)
    return layer.groups == layer.in_channels == layer.out_channels and layer.bias is None and same_padding and square


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, batch: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(batch, weight)
        ctx.stride = stride
        return F.conv2d(batch, weight, None, stride, weight.shape[-1] // 2, 1, len(weight))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        batch, weight = ctx.saved_tensors
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        in_float32 = gradient.dtype == torch.float32
        of_input, of_weight = (
            (_input_gradient, _weight_gradient) if in_float32 else (_input_gradient_bf16, _weight_gradient_bf16)
        )
        parts = gradient, batch, weight, ctx.stride
        return of_input(*parts), of_weight(*parts), None


def _input_gradient(gradient: Tensor, batch: Tensor, weight: Tensor, stride: int) -> Tensor:
    """As torch does it."""
    of_input, _ = _torch_gradients(gradient, batch, weight, stride, padding=weight.shape[-1] // 2, wanted="input")
    return of_input


def _weight_gradient(gradient: Tensor, batch: Tensor, weight: Tensor, stride: int) -> Tensor:
    """A 3 x 3 filter's at stride 1 as torch does it, the others by our loop."""
    kernel = weight.shape[-1]
    if kernel == 3 and stride == 1:
        return _torch_gradients(gradient, batch, weight, stride, padding=1, wanted="weight")[1]
    batch = batch.contiguous(memory_format=torch.channels_last)
    there, here = (each.permute(0, 2, 3, 1).numpy() for each in (gradient, batch))
    taps = torch.from_numpy(_weight_gradient_loop(there, here, kernel, stride))
    return taps.permute(2, 0, 1)[:, None].contiguous()


@numba.njit(fastmath=True, cache=True)
def _weight_gradient_loop(gradient: Array, x: Array, kernel: int, stride: int) -> Array:
    """``(kernel, kernel, C)`` of ``gradient (N, H', W', C)`` and ``x (N, H, W, C)``, padded by half a kernel."""
    pictures, rows, columns, channels = gradient.shape
    result = np.zeros((kernel, kernel, channels), np.float32)
    for block in range((channels + CHANNELS_AT_ONCE - 1) // CHANNELS_AT_ONCE):
        first, last = block * CHANNELS_AT_ONCE, min(channels, (block + 1) * CHANNELS_AT_ONCE)
        sums = np.zeros((kernel, kernel, CHANNELS_AT_ONCE), np.float32)
        for picture in range(pictures):
            for row in range(rows):
                for i in range(kernel):
                    y = row * stride + i - kernel // 2
                    if y < 0 or y >= x.shape[1]:
                        continue
                    for column in range(columns):
                        there = gradient[picture, row, column, first:last]
                        for j in range(kernel):
                            z = column * stride + j - kernel // 2
                            if z < 0 or z >= x.shape[2]:
                                continue
                            here, tap = x[picture, y, z, first:last], sums[i, j]
                            for c in range(last - first):
                                tap[c] += there[c] * here[c]
        result[:, :, first:last] = sums[:, :, : last - first]
    return result


def _input_gradient_bf16(gradient: Tensor, batch: Tensor, weight: Tensor, stride: int) -> Tensor:
    """The gradient, spread out over the strides, convolved with the filters turned round."""
    if stride > 1:
        spread = torch.zeros_like(batch, memory_format=torch.channels_last)
        spread[:, :, ::stride, ::stride] = gradient
        gradient = spread
    return F.conv2d(gradient, weight.flip(2, 3), None, 1, weight.shape[-1] // 2, 1, len(weight))


def _weight_gradient_bf16(gradient: Tensor, batch: Tensor, weight: Tensor, stride: int) -> Tensor:
    """A 3 x 3 filter's as it is; that of a 5 x 5 from its four corners of 3 x 3, which overlap in the middle."""
    kernel = weight.shape[-1]
    if kernel == 3:
        return _torch_gradients(gradient, batch, weight, stride, padding=1, wanted="weight")[1]
    padded = F.pad(batch, (kernel // 2,) * 4)
    rows, columns = ((length - 1) * stride + 3 for length in gradient.shape[2:])
    result, corner = torch.empty_like(weight), weight[:, :, :3, :3].contiguous()
    for top in (0, 2):
        for left in (0, 2):
            seen = padded[:, :, top : top + rows, left : left + columns].contiguous(memory_format=torch.channels_last)
            part = _torch_gradients(gradient, seen, corner, stride, padding=0, wanted="weight")[1]
            result[:, :, top : top + 3, left : left + 3] = part
    return result


def _torch_gradients(
    gradient: Tensor, batch: Tensor, weight: Tensor, stride: int, *, padding: int, wanted: Literal["input", "weight"]
) -> tuple[Tensor, Tensor]:
    """Of input and weight; only the one that is wanted is computed."""
    geometry = [stride, stride], [padding, padding], [1, 1], False, [0, 0], len(weight)
    mask = [wanted == "input", wanted == "weight", False]
    of_input, of_weight, _ = torch.ops.aten.convolution_backward(gradient, batch, weight, None, *geometry, mask)
    return of_input, of_weight
