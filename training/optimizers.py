"""The optimiser of a recipe, and how its rate goes over a run."""

import math

import torch
from torch import nn
from torch.optim import Optimizer

from training.recipes import Recipe


def make_optimizer(network: nn.Module, recipe: Recipe) -> Optimizer:
    """An optimiser that steps every parameter that learns; norms and biases do not decay."""
    learning = [each for each in network.parameters() if each.requires_grad]
    groups = [
        {"params": [each for each in learning if each.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [each for each in learning if each.ndim <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)


def set_rate(optimizer: Optimizer, recipe: Recipe, *, done: float) -> None:
    """Set the rate for the point ``done`` (0 to 1) of the run."""
    for group in optimizer.param_groups:
        group["lr"] = recipe.learning_rate * _factor(recipe, done)


def _factor(recipe: Recipe, done: float) -> float:
    if recipe.schedule == "constant":
        return 1.0
    rising = min(1.0, done / recipe.warm_up) if recipe.warm_up else 1.0
    return rising * (1 + math.cos(math.pi * done)) / 2
