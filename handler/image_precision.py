"""bfloat16 where it is fast, float32 where a rounding could turn an answer over.

A processor with avx512_bf16 runs a convolutional network in bfloat16 two to five times as fast as in float32, but its
roundings give some pictures in a thousand another class. Those are close calls: so rows whose best logit leads by
less than the network's own `close_call` are computed again in float32. What that leaves of differences stands in the
record of the weights.
"""

import copy

import torch
from image_fusion import take_in_gelus, take_in_norms
from image_packing import pack_convolutions
from torch import Tensor, nn

PRECISIONS = ("auto", "bf16", "fp32")


class TwoPrecisions(nn.Module):
    """Logits in bfloat16, of close calls in float32.

    Args:
        coarse: in bfloat16; runs under autocast.
        exact: the same in float32, for the rows in which the best logit of `coarse` leads by less than `close_call`.
    """

    def __init__(self, coarse: nn.Module, exact: nn.Module, *, close_call: float) -> None:
        super().__init__()
        self.coarse = coarse
        self.exact = exact
        self.close_call = close_call

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 3, S, S) uint8 to (N, classes) float32, of at least two classes."""
        with torch.autocast("cpu", torch.bfloat16):
            logits: Tensor = self.coarse(pixels).float()
        best, second = logits.topk(2, dim=1).values.unbind(dim=1)
        close = (best - second < self.close_call).nonzero().flatten()
        if len(close):
            logits[close] = self.exact(pixels[close]).float()
        return logits


def wants_bf16(network: nn.Module, *, precision: str) -> bool:
    """Whether a network is to run in bfloat16: `auto` means if it says what a close call is and the processor can.

    Raises:
        RuntimeError: bf16 is demanded of a network that does not say what a close call is.
    """
    if precision == "bf16" and close_call(network) is None:
        raise RuntimeError(
            f"handler.precision is bf16, but {type(network).__name__} has no close_call, the lead of the best logit "
            "from which bfloat16 is to be trusted; expected one, or precision auto or fp32"
        )
    can = bool(torch.cpu.get_capabilities().get("avx512_bf16", False))
    return precision == "bf16" or (precision == "auto" and can and close_call(network) is not None)


def close_call(network: nn.Module) -> float | None:
    """The lead of the best logit below which this network is not to be trusted in bfloat16; None if it says nothing."""
    lead = getattr(network, "close_call", None)
    return lead if isinstance(lead, float) else None


def in_two_precisions(network: nn.Module, pixels: Tensor) -> TwoPrecisions:
    """Pack a network twice, for bfloat16, norms and GELUs taken in, and, in place, for float32.

    Args:
        network: in eval mode, on the CPU, with a `close_call`.
        pixels: a full batch (N, 3, S, S) uint8.
    """
    lead = close_call(network)
    assert lead is not None, "wants_bf16 said yes"
    coarse = copy.deepcopy(network)
    take_in_norms(coarse)
    # Laid out for a quarter of the batch, which suits a full one as well; laid out for that, a lone picture takes a
    # fifth longer (3.8 instead of 3.2 ms, residual network, Xeon).
    pack_convolutions(coarse, pixels[: max(1, len(pixels) // 4)], dtype=torch.bfloat16)
    take_in_gelus(coarse)
    pack_convolutions(network, pixels[:1])  # close calls come one or two a batch
    return TwoPrecisions(coarse, network, close_call=lead)
