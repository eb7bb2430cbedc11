"""Convolutions whose weights are laid out once, at load, instead of at each call.

oneDNN, which runs torch's convolutions on a CPU, wants weights in an order of its own, and torch reorders them every
time a batch comes. For a batch of 1 that takes longer than the convolution: 4.1 ms a picture of the residual network
against 1.9 ms packed; at 32 it is 6 % (one Zen 5 core, float32). The results are the same to the last bit. The two
operators are those that torch's own compiler emits when it freezes a network.
"""

import torch
from torch import Tensor, nn

from engine.im2col import ProductConvolution, may_be_product


class PackedConvolution(nn.Module):
    """A convolution on the CPU, for inference only, that gives exactly what `convolution` does.

    Where its `activation` is set, that is applied to the answer before it is written.

    Args:
        convolution: the trained layer, zero-padded.
        input_shape: shape of the batches it will see mostly, (N, C, H, W); any other N works too.
        dtype: what it computes in, and gives.
    """

    def __init__(self, convolution: nn.Conv2d, input_shape: torch.Size, *, dtype: torch.dtype) -> None:
        super().__init__()
        geometry = (convolution.padding, convolution.stride, convolution.dilation, convolution.groups)
        weight = convolution.weight.detach().to(dtype).contiguous()
        self.geometry = geometry
        self.dtype = dtype
        self.activation = ("none", "")  # what is applied to the answer, and which variant of it
        self.bias = None if convolution.bias is None else convolution.bias.detach().to(dtype)
        self.weight = torch.ops.mkldnn._reorder_convolution_weight(weight, *geometry, list(input_shape))

    def forward(self, batch: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H', W')."""
        activation, variant = self.activation
        convolved: Tensor = torch.ops.mkldnn._convolution_pointwise(
            batch.to(self.dtype), self.weight, self.bias, *self.geometry, activation, [], variant
        )
        return convolved


@torch.inference_mode()
def pack_convolutions(network: nn.Module, pixels: Tensor, *, dtype: torch.dtype = torch.float32) -> None:
    """Replace each convolution of a network, in place, by its packed form; in bfloat16, on small maps, by a product.

    Args:
        network: in eval mode, on the CPU.
        pixels: a batch (N, 3, S, S) uint8 of the size that most requests will meet.
        dtype: what its convolutions are to compute in.
    """
    if not torch._C._has_mkldnn:
        return
    seen: dict[str, torch.Size] = {}
    hooks = [
        layer.register_forward_pre_hook(lambda _, inputs, name=name: seen.update({name: inputs[0].shape}))
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Conv2d) and layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    ]
    network(pixels)
    for hook in hooks:
        hook.remove()
    for name, shape in seen.items():
        parent, _, attribute = name.rpartition(".")
        layer = network.get_submodule(name)
        assert isinstance(layer, nn.Conv2d), "only convolutions were hooked"
        as_product = dtype is torch.bfloat16 and may_be_product(layer, shape)
        form = ProductConvolution if as_product else PackedConvolution
        setattr(network.get_submodule(parent), attribute, form(layer, shape, dtype=dtype))
