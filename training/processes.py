"""One run in several processes, started by torchrun: each takes its share of every batch, gradients are summed.

Alone (no torchrun) every function here does nothing. Knows nothing about networks or data.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn


def count() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """This process's number, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_first() -> bool:
    """Whether this is the process that writes and speaks."""
    return rank() == 0


def device() -> torch.device:
    """This process's GPU where torch sees one, else the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


@contextmanager
def joined() -> Iterator[None]:
    """Join the processes that torchrun started, for as long as the block lasts."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield
        return
    dist.init_process_group("nccl" if device().type == "cuda" else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def sum_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Add up every gradient over the processes, in one exchange."""
    if count() == 1:
        return
    gradients = [each.grad for each in parameters if each.grad is not None]
    together = torch.cat([each.flatten() for each in gradients])
    dist.all_reduce(together)
    parts = torch.split(together, [each.numel() for each in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.reshape(gradient.shape))


def average(tensors: Iterable[Tensor]) -> None:
    """Average floating-point tensors (running statistics) over the processes, in place."""
    if count() == 1:
        return
    for tensor in tensors:
        if tensor.is_floating_point():
            dist.all_reduce(tensor)
            tensor /= count()


def total(sums: Tensor) -> Tensor:
    """The sum of a tensor over the processes."""
    if count() > 1:
        sums = sums.clone()
        dist.all_reduce(sums)
    return sums
