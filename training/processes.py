"""Data-parallel training under torchrun: each process takes its part of every batch, gradients are summed.

Without torchrun there is one process, and these functions change nothing. Knows nothing about networks or data.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from training.errors import TrainingError

Value = TypeVar("Value")


def world_size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """This process's number, from 0."""
    return int(os.environ["RANK"]) if _under_torchrun() else 0


def is_main() -> bool:
    """Whether this is the process that writes and prints: rank 0."""
    return rank() == 0


def device() -> torch.device:
    """This process's GPU where torch sees one, else the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


@contextmanager
def process_group() -> Iterator[None]:
    """The process group of what torchrun started, for as long as the block lasts."""
    if not _under_torchrun():
        yield
        return
    dist.init_process_group("nccl" if device().type == "cuda" else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def from_main(compute: Callable[[], Value]) -> Value:
    """What ``compute`` returns in the main process, or the TrainingError it raises, in every process."""
    if world_size() == 1:
        return compute()
    box: list[Any] = [None]
    if is_main():
        try:
            box[0] = compute()
        except TrainingError as error:
            box[0] = error
    dist.broadcast_object_list(box, device=device())
    if isinstance(box[0], TrainingError):
        raise box[0]
    value: Value = box[0]
    return value


def sum_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Sum every gradient over the processes, in one all-reduce."""
    if world_size() == 1:
        return
    gradients = [each.grad for each in parameters if each.grad is not None]
    flat = torch.cat([each.flatten() for each in gradients])
    dist.all_reduce(flat)
    parts = torch.split(flat, [each.numel() for each in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.reshape(gradient.shape))


def average_buffers(buffers: Iterable[Tensor]) -> None:
    """Average floating-point buffers (running statistics) over the processes, in place."""
    if world_size() == 1:
        return
    for buffer in buffers:
        if buffer.is_floating_point():
            dist.all_reduce(buffer)
            buffer /= world_size()


def total(sums: Tensor) -> Tensor:
    """The sum of a tensor over the processes."""
    if world_size() > 1:
        sums = sums.clone()
        dist.all_reduce(sums)
    return sums


def _under_torchrun() -> bool:
    return "TORCHELASTIC_RUN_ID" in os.environ
