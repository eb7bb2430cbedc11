"""Maps in eight bits: every number a code from 0 to 255, and a layer that goes from codes to codes.

A processor with VNNI or matrix units multiplies eight-bit numbers at least twice as fast as bfloat16, and half as many
bytes of filters come from memory. Whatever function is applied to a code, it is a table of 256: `bytearray` looks
400,000 of them up in 0.2 ms, where GELU alone takes 0.35 in bfloat16 (one Xeon core with amx_int8).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CODES = 256
LARGEST_FILTER_CODE = 127  # filters have a sign, and their zero is zero
CHANNELS = 32  # maps are filled up to a multiple of these: 24 of 31 x 31 take 1.2 ms a batch of 32, 32 take 0.9
FEW = 8  # pictures; for more, filters laid out otherwise make small maps up to a third faster


@dataclass(frozen=True)
class Codes:
    """What codes mean: `zero_point` + n stands for n times `scale`."""

    scale: float
    zero_point: int

    @classmethod
    def between(cls, low: float, high: float) -> Self:
        """Codes for the numbers from `low`, at most 0, to `high`, above 0; zero itself has one."""
        scale = (high - low) / (CODES - 1)
        return cls(scale, round(-low / scale))

    def numbers(self, codes: Tensor) -> Tensor:
        """The numbers, float32, that codes (uint8, any shape) stand for."""
        return (codes.float() - self.zero_point) * self.scale

    def nearest(self, numbers: Tensor) -> Tensor:
        """The codes, uint8, that come nearest to numbers of any shape."""
        return (numbers / self.scale + self.zero_point).round().clamp(0, CODES - 1).byte()

    def table(self, function: Callable[[Tensor], Tensor], *, after: "Codes") -> bytes:
        """For each of these codes, the code of `after` for what the function gives."""
        return bytes(after.nearest(function(self.numbers(torch.arange(CODES)))).tolist())


@dataclass(frozen=True)
class CodedBatch:
    """A batch of maps in codes, (N, C, H, W) uint8, and what these mean; the first `channels` of C are not filling."""

    maps: Tensor
    codes: Codes
    channels: int


class CodedLayer(nn.Module):
    """A convolution, what is added to it, the largest of each four pixels, and a function of each number.

    Args:
        convolution: the trained one, its norm taken in.
        batch: such as will come, of the size that most requests will meet.
        skip: what is added to what the convolution gives, if there is such.
        pools: whether the largest of each 2 x 2 pixels is taken then.
        before: the codes of what the function is applied to.
        table: the function, by its codes.
    """

    def __init__(
        self,
        convolution: nn.Conv2d,
        batch: CodedBatch,
        skip: CodedBatch | None = None,
        *,
        pools: bool,
        before: Codes,
        table: bytes,
    ) -> None:
        super().__init__()
        self.geometry = (convolution.stride, (0, 0), convolution.dilation, convolution.groups)
        down, across = cast("tuple[int, int]", convolution.padding)
        self.edges = (across, across, down, down)
        self.codes, self.skip_codes, self.before = batch.codes, skip.codes if skip else None, before
        self.pools, self.table = pools, table
        coded, self.scales, bias = coded_filters(convolution, channels=batch.maps.shape[1])
        # What the zero point adds to every sum; oneDNN would find it anew at each call, which takes up to nine times as
        # long as the convolution of a lone picture.
        self.bias = bias - batch.codes.zero_point * batch.codes.scale * self.scales * coded.sum(dim=(1, 2, 3))
        self.zero_points = torch.zeros(len(coded), dtype=torch.int64)
        self.filters_for_few, self.filters = (self._laid_out(coded, each) for each in (batch.maps[:1], batch.maps))

    def forward(self, batch: Tensor, skip: Tensor | None = None) -> Tensor:
        """(N, C, H, W) uint8 to (N, C', H', W') uint8, channels last; `skip`, (N, C', H', W'), is written over."""
        maps = self._convolved(batch, skip)
        if self.pools:
            maps = largest_of_four(maps)
        n, channels, height, width = maps.shape
        looked_up = bytearray(maps.permute(0, 2, 3, 1).numpy()).translate(self.table)
        return torch.frombuffer(looked_up, dtype=torch.uint8).view(n, height, width, channels).permute(0, 3, 1, 2)

    def _laid_out(self, coded: Tensor, batch: Tensor) -> Tensor:
        shape = F.pad(batch, self.edges).shape
        laid_out: Tensor = torch.ops.onednn.qconv_prepack(
            coded, self.scales, self.codes.scale, 0, *self.geometry, shape
        )
        return laid_out

    def _convolved(self, batch: Tensor, skip: Tensor | None) -> Tensor:
        batch = F.pad(batch, self.edges, value=self.codes.zero_point)
        filters = self.filters_for_few if len(batch) <= FEW else self.filters
        taken = (batch, self.codes.scale, 0, filters, self.scales, self.zero_points)
        given = (*self.geometry, self.before.scale, self.before.zero_point, torch.uint8)
        convolved: Tensor
        if self.skip_codes is None:
            convolved = torch.ops.onednn.qconv2d_pointwise(*taken, self.bias, *given, "none", [], "")
        else:
            sum_of: tuple[Any, ...] = (self.skip_codes.scale, self.skip_codes.zero_point, "sum", 1.0, "none", [], "")
            convolved = torch.ops.onednn.qconv2d_pointwise.binary(*taken, skip, self.bias, *given, *sum_of)
        return convolved


def coded_filters(convolution: nn.Conv2d, *, channels: int) -> tuple[Tensor, Tensor, Tensor]:
    """A convolution's filters in codes, one scale a filter; zeros fill up its channels, in and out.

    Args:
        convolution: the trained one.
        channels: how many come in, a multiple of CHANNELS but for pixels.

    Returns:
        (C', C, K, K) int8; (C',) float32, what a code is to be multiplied by; the bias, (C',) float32.
    """
    trained = convolution.weight.detach().float()
    missing_out = -len(trained) % CHANNELS
    filters = F.pad(trained, (0, 0, 0, 0, 0, channels - trained.shape[1], 0, missing_out))
    bias = torch.zeros(len(filters)) if convolution.bias is None else F.pad(convolution.bias.detach(), (0, missing_out))
    scales = filters.abs().amax(dim=(1, 2, 3)).clamp_min(torch.finfo().tiny) / LARGEST_FILTER_CODE
    return rounded_filters(filters / scales.reshape(-1, 1, 1, 1)).char(), scales, bias.float()


def rounded_filters(filters: Tensor) -> Tensor:
    """Filters (C', C, K, K) in whole numbers: the sum of each is kept to a half, of each K x K of it to one.

    Neighbouring pixels are much alike, so that errors which cancel out in a sum hardly reach the answer: those of
    filters are half as large as with each number rounded by itself (as in SQuant, arXiv 2202.07471).
    """
    windows = filters.flatten(2)
    sums = _rounded(windows.sum(dim=2), windows.sum(dim=(1, 2)).round())
    return _rounded(windows, sums).clamp(max=LARGEST_FILTER_CODE).view_as(filters)


def _rounded(numbers: Tensor, sums: Tensor) -> Tensor:
    """Numbers (..., K), each rounded up or down so that they come to `sums` (...): up those with most to lose."""
    down = numbers.floor()
    most_to_lose_first = (numbers - down).argsort(dim=-1, descending=True)
    goes_up = torch.arange(numbers.shape[-1]) < (sums - down.sum(dim=-1)).unsqueeze(-1)
    return down.scatter_add(-1, most_to_lose_first, goes_up.to(down.dtype))


def largest_of_four(maps: Tensor) -> Tensor:
    """The largest of each 2 x 2 pixels, (N, C, H, W) to (N, C, H // 2, W // 2): max pooling, which takes no uint8."""
    height, width = (side // 2 * 2 for side in maps.shape[2:])
    rows = torch.maximum(maps[:, :, 0:height:2], maps[:, :, 1:height:2])
    return torch.maximum(rows[:, :, :, 0:width:2], rows[:, :, :, 1:width:2])
