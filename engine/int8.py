"""A network in eight bits: its graph is traced, and each convolution, with what follows it, becomes one coded layer.

What a code means depends on how far the numbers reach that come to the next layer. Training has found it and left it as
that layer's `reach`.
"""

import copy
import functools
import operator
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from engine.quantized_layers import CodedBatch, CodedLayer, Codes

LEAST_BEFORE_GELU = -4.0  # of what is below, GELU makes zero, but for 0.0001
LEAST_AFTER_GELU = -0.17  # it gives nothing below
MIDDLE_OF_PIXELS = 121  # the mean of pictures: filters that look for differences lose least where it counts as zero
KNOWN = "convolution, perhaps max pooling by 2 or a sum with what came before, and GELU"


@dataclass(frozen=True)
class _Block:
    """What becomes one layer: a convolution of `source`, perhaps a sum with `skip` or pooling, a function."""

    name: str
    convolution: nn.Conv2d
    source: fx.Node
    skip: fx.Node | None
    pools: bool
    function: Callable[[Tensor], Tensor]


class _Numbers(nn.Module):
    """From codes back to numbers."""

    def __init__(self, codes: Codes, *, channels: int) -> None:
        super().__init__()
        self.codes, self.channels = codes, channels

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, H, W) uint8 to float32, without the channels that fill up."""
        return self.codes.numbers(maps[:, : self.channels])


def is_for_eight_bits(network: nn.Module) -> bool:
    """Whether training has found the reach of its layers."""
    reaches = [float(buffer) for name, buffer in network.named_buffers() if name.endswith(".reach")]
    return bool(reaches) and min(reaches) > 0


@torch.inference_mode()
def in_eight_bits(network: nn.Module, pixels: Tensor) -> fx.GraphModule:
    """The network with its convolutions in eight bits, laid out for batches such as `pixels`.

    Args:
        network: in eval mode, on the CPU, norms taken into its convolutions; one that `is_for_eight_bits`.
        pixels: a full batch (N, 3, S, S) uint8.

    Raises:
        RuntimeError: it is built in a way that is not known here.
    """
    translation = _Translation(network, pixels)
    for node in list(translation.traced.graph.nodes):
        if translation.is_gelu(node):
            translation.replace_block(node)
    return translation.finished()


class _Translation:
    """A traced network on its way: each layer is run once on what the layers before it give, so that it knows it."""

    def __init__(self, network: nn.Module, pixels: Tensor) -> None:
        self.network = network
        self.traced = fx.symbolic_trace(network)
        self.layers = dict(self.traced.named_modules())
        self.entry = next(iter(self.traced.graph.nodes))
        self.batches = {self.entry: CodedBatch(pixels, Codes(1.0, MIDDLE_OF_PIXELS), channels=pixels.shape[1])}

    def is_gelu(self, node: fx.Node) -> bool:
        """Whether a block ends here."""
        return node.target is F.gelu or isinstance(self._layer(node), nn.GELU)

    def replace_block(self, gelu: fx.Node) -> None:
        """Let one layer do what ends with this GELU."""
        block, reach = self._block(gelu), self._reach_after(gelu)
        before, after = Codes.between(LEAST_BEFORE_GELU, reach), Codes.between(LEAST_AFTER_GELU, reach)
        inputs = (block.source, block.skip) if block.skip else (block.source,)
        batch, *skip = (self.batches[each] for each in inputs)
        table = before.table(block.function, after=after)
        layer = CodedLayer(block.convolution, batch, *skip, pools=block.pools, before=before, table=table)
        self.traced.set_submodule(block.name, layer)
        with self.traced.graph.inserting_before(gelu):
            coded = self.traced.graph.call_module(block.name, inputs)
        gelu.replace_all_uses_with(coded)
        given = layer(batch.maps, *(each.maps.clone() for each in skip))
        self.batches[coded] = CodedBatch(given, after, channels=block.convolution.out_channels)

    def finished(self) -> fx.GraphModule:
        """The network, with numbers instead of codes for whatever else reads them."""
        graph = self.traced.graph
        graph.eliminate_dead_code()
        for node, batch in self.batches.items():
            others = [user for user in node.users if user not in self.batches]
            if others:
                name = f"numbers_of_{node.name}"
                self.traced.add_submodule(name, _Numbers(batch.codes, channels=batch.channels))
                with graph.inserting_after(node):
                    numbers = graph.call_module(name, (node,))
                for user in others:
                    user.replace_input_with(node, numbers)
        self.traced.delete_all_unused_submodules()
        self.traced.recompile()
        return self.traced

    def _layer(self, node: fx.Node) -> nn.Module | None:
        return self.layers.get(str(node.target)) if node.op == "call_module" else None

    def _block(self, gelu: fx.Node) -> _Block:
        """What ends with this GELU, found backwards."""
        node, skip, pools = gelu.all_input_nodes[0], None, False
        if node.target is operator.add:
            skip, node = self._added(node)
        while not isinstance(convolution := self._layer(node), nn.Conv2d):
            pooling = isinstance(convolution, nn.MaxPool2d) and convolution.kernel_size == convolution.stride == 2
            if not (pooling or isinstance(convolution, nn.Identity)):
                raise self._unknown(f"{node.name} in a block")
            node, pools = node.all_input_nodes[0], pools or pooling
        if skip and pools:
            raise self._unknown(f"pooling before the sum {gelu.all_input_nodes[0].name}")
        if convolution.padding_mode != "zeros" or isinstance(convolution.padding, str) or convolution.groups > 1:
            raise self._unknown(f"{node.name}, in groups or not padded by so many zeros,")
        source = node.all_input_nodes[0]
        if source not in self.batches:
            convolution, source = self._for_pixels(convolution), self.entry
        function = self._layer(gelu) or functools.partial(F.gelu, **gelu.kwargs)  # type: ignore[arg-type]
        return _Block(str(node.target), convolution, source, skip, pools, function)

    def _added(self, total: fx.Node) -> tuple[fx.Node, fx.Node]:
        """Of a sum, what is known as codes, and the other; the layer writes the sum over the first."""
        known = [node for node in total.all_input_nodes if node in self.batches]
        others = [node for node in total.all_input_nodes if node not in self.batches]
        if len(known) != 1 or len(others) != 1 or any(user > total for user in known[0].users):
            raise self._unknown(f"{total.name} of other things than a convolution and what is not read again")
        return known[0], others[0]

    def _reach_after(self, node: fx.Node) -> float:
        """The reach of the first layer after a node that has one."""
        users = list(node.users)
        for user in users:  # grows as it goes
            reach = getattr(self._layer(user), "reach", None)
            if isinstance(reach, Tensor):
                return float(reach)
            users += user.users
        raise self._unknown(f"nothing with a reach after {node.name}")

    def _unknown(self, found: str) -> RuntimeError:
        name = type(self.network).__name__
        return RuntimeError(
            f"{name} has {found}; expected, for eight bits, pixels scaled, a first convolution that is not padded, and "
            f"blocks of {KNOWN}: set handler.precision to bf16 or fp32"
        )

    def _for_pixels(self, convolution: nn.Conv2d) -> nn.Conv2d:
        """The first convolution as it is to be for pixels less `MIDDLE_OF_PIXELS`, what normalises them taken in."""
        seen: list[Tensor] = []
        hook = convolution.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][0, :, 0, 0]))
        for level in (0, MIDDLE_OF_PIXELS, 255):
            self.network(torch.full_like(self.batches[self.entry].maps[:1], level))
        hook.remove()
        black, middle, white = seen
        slope = (white - black) / 255
        if convolution.padding != (0, 0) or not torch.allclose(middle, black + slope * MIDDLE_OF_PIXELS, atol=1e-4):
            raise self._unknown("another way to read pixels")
        for_pixels = copy.deepcopy(convolution)
        at_middle = torch.einsum("ockl,c->o", convolution.weight, middle)
        for_pixels.bias = nn.Parameter(at_middle if convolution.bias is None else at_middle + convolution.bias)
        for_pixels.weight = nn.Parameter(convolution.weight * slope.reshape(1, -1, 1, 1))
        return for_pixels
