"""Few bits where they are sure, float32 where a rounding could turn an answer over.

A processor that multiplies eight-bit numbers (VNNI, matrix units) runs a convolutional network three to nine times as
fast as in float32, one with avx512_bf16 in bfloat16 up to five times; but their roundings give some pictures in a
thousand another class. Those are close calls: so rows whose best logit leads by less than the network's own
`close_call` are computed again in float32. What that leaves of differences, `make bench-numerics` measures.
"""

import copy

import torch
from torch import Tensor, nn

from engine.fusion import take_in_gelus, take_in_norms
from engine.int8 import in_eight_bits, is_for_eight_bits
from engine.prepacking import pack_convolutions

PRECISIONS = ("auto", "int8", "bf16", "fp32")  # after auto, the fastest first
UNITS = {"int8": ("avx512_vnni", "avx_vnni"), "bf16": ("avx512_bf16",)}  # any makes it fast; named as torch does


class TwoPrecisions(nn.Module):
    """Logits in few bits, of close calls in float32.

    Args:
        coarse: in few bits.
        exact: the same in float32, for the rows in which the best logit of `coarse` leads by less than `close_call`.
    """

    def __init__(self, coarse: nn.Module, exact: nn.Module, *, close_call: float) -> None:
        super().__init__()
        self.coarse = coarse
        self.exact = exact
        self.close_call = close_call

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 3, S, S) uint8 to (N, classes) float32, of at least two classes."""
        logits: Tensor = self.coarse(pixels).float()
        best, second = logits.topk(2, dim=1).values.unbind(dim=1)
        close = (best - second < self.close_call).nonzero().flatten()
        if len(close):
            logits[close] = self.exact(pixels[close]).float()
        return logits


class InBfloat16(nn.Module):
    """A network under autocast."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        """What the network gives, as bfloat16."""
        with torch.autocast("cpu", torch.bfloat16):
            logits: Tensor = self.network(pixels)
        return logits


def choose_precision(network: nn.Module, *, wanted: str) -> str:
    """One of `PRECISIONS`: where `auto` is wanted, the fastest that processor and network are made for.

    Raises:
        RuntimeError: int8 or bf16 is wanted of a network that does not say what they need.
    """
    if wanted == "auto":
        return next(each for each in PRECISIONS[1:] if is_fast(each) and _lacking(network, each) is None)
    if lacking := _lacking(network, wanted):
        raise RuntimeError(
            f"handler.precision is {wanted}, but {type(network).__name__} has {lacking}; expected that, or auto or fp32"
        )
    return wanted


def _lacking(network: nn.Module, precision: str) -> str | None:
    """What this precision needs and a network does not have."""
    if precision != "fp32" and close_call(network) is None:
        return "no close_call, the lead of the best logit from which few bits are to be trusted"
    if precision == "int8" and not is_for_eight_bits(network):
        return "no reach, where the numbers that come to its layers are cut off"
    return None


def is_fast(precision: str) -> bool:
    """Whether this processor is made for it."""
    processor = torch.cpu.get_capabilities()
    return precision == "fp32" or any(processor.get(units) for units in UNITS[precision])


def close_call(network: nn.Module) -> float | None:
    """The lead of the best logit below which few bits are not to be trusted; None if the network says nothing."""
    lead = getattr(network, "close_call", None)
    return lead if isinstance(lead, float) else None


def in_precision(network: nn.Module, pixels: Tensor, *, precision: str) -> nn.Module:
    """Make a network fast; what it was is used up.

    Args:
        network: in eval mode, on the CPU.
        pixels: a full batch (N, 3, S, S) uint8.
        precision: what `choose_precision` gave.
    """
    if precision == "fp32":
        pack_convolutions(network, pixels)
        return network
    lead = close_call(network)
    assert lead is not None, "choose_precision asks"
    take_in_norms(network)
    coarse = copy.deepcopy(network)
    coarse = in_eight_bits(coarse, pixels) if precision == "int8" else _in_bfloat16(coarse, pixels)
    pack_convolutions(network, pixels[:1])  # close calls come one or two a batch
    take_in_gelus(network)
    return TwoPrecisions(coarse, network, close_call=lead)


def _in_bfloat16(network: nn.Module, pixels: Tensor) -> nn.Module:
    # Laid out for a quarter of the batch, which suits a full one as well; laid out for that, a lone picture takes a
    # fifth longer (3.8 instead of 3.2 ms, residual network, Xeon).
    pack_convolutions(network, pixels[: max(1, len(pixels) // 4)], dtype=torch.bfloat16)
    take_in_gelus(network)
    return InBfloat16(network)
