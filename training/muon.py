"""The optimizer Muon for convolutions: momentum with orthogonalized updates, weights kept at a fixed norm.

Sources: Keller Jordan, "Muon" (kellerjordan.github.io/posts/muon), and its form in airbench94_muon; torch.optim.Muon
takes matrices only and does not normalize the weights.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

# Of the quintic in the Newton-Schulz iteration, from the same source: steep at zero, so that three steps are enough.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalized, on weights ``(out, in, height, width)`` of norm ``sqrt(out)``."""

    def __init__(
        self, weights: Iterable[nn.Parameter], *, lr: float, momentum: float, dtype: torch.dtype = torch.float32
    ) -> None:
        """Updates are orthogonalized in ``dtype``: bfloat16 is enough, where it is fast."""
        super().__init__(weights, {"lr": lr, "momentum": momentum})
        self._dtype = dtype

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Update every weight that has a gradient."""
        assert closure is None, "Muon needs no closure"
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._step(weight, lr=group["lr"], momentum=group["momentum"])

    def _step(self, weight: Tensor, *, lr: float, momentum: float) -> None:
        gradient = weight.grad
        assert gradient is not None
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(gradient)
        buffer = state["momentum"].mul_(momentum).add_(gradient)
        direction = gradient.add(buffer, alpha=momentum)
        weight.mul_(len(weight) ** 0.5 / weight.norm())
        update = orthogonalize(direction.flatten(1).to(self._dtype)).reshape(weight.shape)
        weight.add_(update.to(weight.dtype), alpha=-lr)


def orthogonalize(matrix: Tensor, *, steps: int = 3) -> Tensor:
    """A matrix ``(R, C)`` with the singular vectors of this one and singular values of about 0.5 to 1.5.

    By Newton-Schulz iteration, in the matrix's own dtype.
    """
    a, b, c = COEFFICIENTS
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = wide / (wide.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        quadratic = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.addmm(x, quadratic, x, beta=a)
    result: Tensor = x if wide is matrix else x.T
    return result
