"""The optimizers of a recipe, and the learning rate schedule."""

import torch
from torch import nn
from torch.optim import Optimizer

from training.muon import Muon
from training.processor import has_bf16
from training.recipes import Recipe


def make_optimizers(network: nn.Module, recipe: Recipe) -> list[Optimizer]:
    """Optimizers that together step every trainable parameter; each group keeps its ``initial_lr``."""
    trainable = [each for each in network.parameters() if each.requires_grad]
    optimizers = _muon(trainable, recipe) if recipe.optimizer == "muon" else [_sgd(trainable, recipe)]
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
    return optimizers


def set_learning_rates(optimizers: list[Optimizer], recipe: Recipe, *, done: float) -> None:
    """Set every learning rate for the fraction ``done`` (0 to 1) of the run."""
    factor = 1 - done if recipe.schedule == "linear_decay" else 1.0
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor


def _sgd(parameters: list[nn.Parameter], recipe: Recipe) -> Optimizer:
    return torch.optim.SGD(parameters, lr=recipe.learning_rate, momentum=recipe.momentum)


def _muon(parameters: list[nn.Parameter], recipe: Recipe) -> list[Optimizer]:
    conv_weights = [each for each in parameters if each.ndim == 4]
    heads = [each for each in parameters if each.ndim == 2]
    biases = [each for each in parameters if each.ndim == 1]
    groups = [
        # Divided by the learning rate, since SGD multiplies by it: the recipe's weight decay is per step.
        {"params": part, "lr": recipe.batch_size * rate, "weight_decay": recipe.weight_decay / rate}
        for part, rate in ((heads, recipe.head_learning_rate), (biases, recipe.bias_learning_rate))
    ]
    # Emulated bfloat16 made the Newton-Schulz products take as long as the whole network.
    dtype = torch.bfloat16 if has_bf16(conv_weights[0].device) else torch.float32
    return [
        Muon(conv_weights, lr=recipe.learning_rate, momentum=recipe.momentum, dtype=dtype),
        torch.optim.SGD(groups, momentum=recipe.bias_momentum, nesterov=True),
    ]
