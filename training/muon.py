"""Muon, for convolutions: momentum whose every step is made orthogonal, filters kept at a fixed norm.

Sources: Keller Jordan, "Muon" (kellerjordan.github.io/posts/muon), and its form in airbench94_muon; torch.optim.Muon
takes matrices only and keeps no norm.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

# The quintic's coefficients, from the same source: steep at zero, so that three steps are enough.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised, on filters ``(out, in, height, width)`` of norm ``sqrt(out)``."""

    def __init__(
        self, filters: Iterable[nn.Parameter], *, lr: float, momentum: float, dtype: torch.dtype = torch.float32
    ) -> None:
        """``dtype`` is what the steps are made orthogonal in: half precision is enough, where it is fast."""
        super().__init__(filters, {"lr": lr, "momentum": momentum})
        self._dtype = dtype

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step on every filter that has a gradient."""
        assert closure is None, "Muon needs no closure"
        for group in self.param_groups:
            for filters in group["params"]:
                if filters.grad is not None:
                    self._step(filters, lr=group["lr"], momentum=group["momentum"])

    def _step(self, filters: Tensor, *, lr: float, momentum: float) -> None:
        gradient = filters.grad
        assert gradient is not None
        state = self.state[filters]
        if not state:
            state["momentum"] = torch.zeros_like(gradient)
        average = state["momentum"].mul_(momentum).add_(gradient)
        direction = gradient.add(average, alpha=momentum)
        filters.mul_(len(filters) ** 0.5 / filters.norm())
        step = orthogonalise(direction.flatten(1).to(self._dtype)).reshape(filters.shape)
        filters.add_(step.to(filters.dtype), alpha=-lr)


def orthogonalise(matrix: Tensor, *, steps: int = 3) -> Tensor:
    """A matrix ``(R, C)`` with the singular vectors of this one and singular values of about 0.5 to 1.5.

    Newton-Schulz iteration, in the matrix's own dtype.
    """
    a, b, c = COEFFICIENTS
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = wide / (wide.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        quadratic = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.addmm(x, quadratic, x, beta=a)
    same_way: Tensor = x if wide is matrix else x.T
    return same_way
