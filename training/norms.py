"""Batch norm and the ReLU6 behind it as one layer that learns fast on a CPU, in float32.

torch's own two layers read and write a batch a dozen times, forward and back; here it is five readings and two
writings. The mathematics is theirs (Ioffe and Szegedy, arXiv 1502.03167).
"""

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training import kernels

NO_LIMITS = (-np.inf, np.inf)
RELU6 = (0.0, 6.0)


class LimitedNorm(nn.BatchNorm2d):
    """A batch norm whose result is kept within ``limits``; made of a plain one by ``speed_up``."""

    limits: tuple[float, float] = NO_LIMITS

    def forward(self, batch: Tensor) -> Tensor:
        """``(N, C, H, W)`` to the same shape."""
        if not self.training or batch.dtype != torch.float32:
            normalised: Tensor = super().forward(batch)
            return normalised.clamp_(*self.limits) if self.limits != NO_LIMITS else normalised
        result, mean, variance = _Norm.apply(batch, self.weight, self.bias, self.eps, self.limits)
        self._note(mean, variance, count=batch.numel() // batch.shape[1])
        limited: Tensor = result
        return limited

    def _note(self, mean: Tensor, variance: Tensor, *, count: int) -> None:
        """Take this batch into the running statistics, as torch does: the variance is the unbiased one."""
        assert self.momentum is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / max(1, count - 1)), self.momentum)
        self.num_batches_tracked += 1


def speed_up(network: nn.Module) -> None:
    """Join each batch norm of a network, in an ``nn.Sequential``, with the ReLU6 behind it."""
    for layers in network.modules():
        if not isinstance(layers, nn.Sequential):
            continue
        for place, (layer, follower) in enumerate(pairwise([*layers, None])):
            if type(layer) is not nn.BatchNorm2d:
                continue
            layer.__class__ = LimitedNorm
            if isinstance(follower, nn.ReLU6):
                vars(layer)["limits"] = RELU6
                layers[place + 1] = nn.Identity()


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, batch: Tensor, weight: Tensor, bias: Tensor, eps: float, limits: tuple[float, float]
    ) -> tuple[Tensor, Tensor, Tensor]:
        batch = batch.contiguous(memory_format=torch.channels_last)
        rows = _rows(batch)
        sums = torch.from_numpy(kernels.sum_moments(rows)).double().sum(dim=0) / len(rows)
        mean, variance = sums[0], (sums[1] - sums[0] ** 2).clamp(min=0)
        deviation = (variance + eps).sqrt()
        scale = weight / deviation
        shift = bias - mean * scale
        result = torch.empty_like(batch)
        low, high = map(np.float32, limits)
        kernels.scale_and_limit(rows, scale.float().numpy(), shift.float().numpy(), low, high, _rows(result))
        ctx.save_for_backward(batch, mean, deviation, scale, shift)
        ctx.limits = low, high
        mean, variance = mean.float(), variance.float()
        ctx.mark_non_differentiable(mean, variance)
        return result, mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        batch, mean, deviation, scale, shift = ctx.saved_tensors
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        there, rows = _rows(gradient), _rows(batch)
        line, (low, high) = (scale.float().numpy(), shift.float().numpy()), ctx.limits
        sums = torch.from_numpy(kernels.sum_gradients(there, rows, *line, low, high)).double().sum(dim=0)
        of_bias, of_weight = sums[0], (sums[1] - mean * sums[0]) / deviation
        slope = -scale * of_weight / deviation / len(rows)
        offset = -scale * of_bias / len(rows) - mean * slope
        result = torch.empty_like(batch)
        plane = slope.float().numpy(), offset.float().numpy()
        kernels.combine_gradients(there, rows, *line, low, high, *plane, _rows(result))
        return result, of_weight.float(), of_bias.float(), None, None


def _rows(batch: Tensor) -> kernels.Array:
    """``(N, C, H, W)``, channels last, as ``(N H W, C)``: the same memory."""
    rows: kernels.Array = batch.detach().permute(0, 2, 3, 1).reshape(-1, batch.shape[1]).numpy()
    return rows
