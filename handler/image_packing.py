"""Convolutions made ready once, at load: weights laid out as oneDNN wants them, norms and activations taken in.

oneDNN, which runs torch's convolutions on a CPU, wants weights in an order of its own, and torch reorders them every
time a batch comes. And what follows a convolution, a batch norm and a ReLU, costs as much again in reading and writing
memory, though the norm is a scale that the weights can carry and the activation a limit that the convolution can apply.
EfficientNet-Lite0 takes MEASURED. The two operators are those that torch's own compiler emits.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

# Activations that oneDNN applies while it writes the result: its name for each, and its numbers.
FUSIBLE: dict[type[nn.Module], tuple[str, list[float]]] = {nn.ReLU: ("relu", []), nn.ReLU6: ("hardtanh", [0.0, 6.0])}


class PackedConvolution(nn.Module):
    """A convolution on the CPU, for inference only, that gives what `convolution` and then `activation` do.

    Args:
        convolution: the trained layer, zero-padded.
        activation: one of FUSIBLE, or None.
        input_shape: shape of the batches it will see mostly, (N, C, H, W); any other N works too.
    """

    def __init__(self, convolution: nn.Conv2d, activation: nn.Module | None, input_shape: torch.Size) -> None:
        super().__init__()
        geometry = (convolution.padding, convolution.stride, convolution.dilation, convolution.groups)
        weight = convolution.weight.detach().contiguous()
        self.geometry = geometry
        self.bias = convolution.bias
        self.limits = ("none", []) if activation is None else FUSIBLE[type(activation)]
        self.weight = torch.ops.mkldnn._reorder_convolution_weight(weight, *geometry, list(input_shape))

    def forward(self, batch: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H', W'), both float32."""
        convolved: Tensor = torch.ops.mkldnn._convolution_pointwise(
            batch, self.weight, self.bias, *self.geometry, *self.limits, ""
        )
        return convolved


@torch.inference_mode()
def pack_convolutions(network: nn.Module, pixels: Tensor) -> None:
    """Replace each convolution of a network, in place, by its packed form.

    A batch norm and an activation are taken in where they follow in an `nn.Sequential`: there alone the order of the
    layers is sure.

    Args:
        network: in eval mode, on the CPU.
        pixels: a batch (N, 3, S, S) uint8 of the size that most requests will meet.
    """
    if not torch._C._has_mkldnn:
        return
    shapes = _input_shapes(network, pixels)
    for parent in list(network.modules()):
        names = list(parent._modules)
        for place, name in enumerate(names):
            layer = parent._modules[name]
            if isinstance(layer, nn.Conv2d) and layer in shapes:
                followers = names[place + 1 :] if isinstance(parent, nn.Sequential) else []
                _pack(parent, name, followers, shapes[layer])


def _pack(parent: nn.Module, name: str, followers: list[str], input_shape: torch.Size) -> None:
    """Pack one convolution with as many of the layers that follow as it can take in."""
    convolution: Any = parent._modules[name]
    activation = None
    if followers and isinstance(norm := parent._modules[followers[0]], nn.BatchNorm2d):
        convolution = fuse_conv_bn_eval(convolution, norm)
        parent._modules[followers.pop(0)] = nn.Identity()
    if followers and type(parent._modules[followers[0]]) in FUSIBLE:
        activation = parent._modules[followers[0]]
        parent._modules[followers[0]] = nn.Identity()
    parent._modules[name] = PackedConvolution(convolution, activation, input_shape)


def _input_shapes(network: nn.Module, pixels: Tensor) -> dict[nn.Module, torch.Size]:
    """Each convolution that can be packed, and the shape of what it sees when `pixels` go through."""
    shapes: dict[nn.Module, torch.Size] = {}
    hooks = [
        layer.register_forward_pre_hook(lambda layer, inputs: shapes.update({layer: inputs[0].shape}))
        for layer in network.modules()
        if isinstance(layer, nn.Conv2d) and layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    ]
    network(pixels)
    for hook in hooks:
        hook.remove()
    return shapes
