"""What is done about classes of uneven size, said aloud: a weight in the loss, or how often an image is drawn."""

from collections.abc import Sequence

import torch
from torch import Tensor

from training.finetune_recipe import Balance

UNEVEN_FROM = 1.5  # times the images of the smallest class in the largest


def choose_balance(wanted: str, counts: Tensor) -> Balance:
    """`auto` weights the classes where their sizes differ; everything else is as the user says."""
    if wanted == "auto":
        return "class weights" if counts.max() >= UNEVEN_FROM * counts.min() else "none"
    return "sampling" if wanted == "sampling" else "class weights" if wanted == "weights" else "none"


def class_weights(counts: Tensor) -> Tensor:
    """Weights ``(K,) float32`` in inverse proportion to the images of each class, their mean over the images 1."""
    weights: Tensor = counts.sum() / (len(counts) * counts.float())
    return weights


def said(balance: Balance, counts: Tensor, class_names: Sequence[str]) -> str | None:
    """A sentence for the user; None where classes are even and nothing is done."""
    low, high = int(counts.argmin()), int(counts.argmax())
    least, most = int(counts[low]), int(counts[high])
    sizes = f"classes have from {least:,} ({class_names[low]}) to {most:,} ({class_names[high]})"
    if balance == "none":
        uneven = counts.max() >= UNEVEN_FROM * counts.min()
        return f"{sizes} images; nothing is done about it (--balance none)" if uneven else None
    if balance == "sampling":
        return f"{sizes} images; images are drawn so that every class is seen as often"
    weights = class_weights(counts)
    return f"{sizes} images; the loss weights them by {weights[low]:.2f} to {weights[high]:.2f}"


def epoch_order(labels: Tensor, balance: Balance, *, generator: torch.Generator) -> Tensor:
    """The images ``(N,) int64`` of an epoch in random order: each once, or drawn so that classes are even."""
    if balance != "sampling":
        return torch.randperm(len(labels), generator=generator)
    counts = torch.bincount(labels)
    return torch.multinomial(1 / counts[labels].float(), len(labels), replacement=True, generator=generator)
