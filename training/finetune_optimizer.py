"""AdamW with a learning rate for the head and one for the layers below, and how both change over a run."""

import math

import torch
from torch.optim import Optimizer

from training.finetune_recipe import FineTuneRecipe
from training.torchvision_network import TorchvisionNetwork


def make_optimizer(network: TorchvisionNetwork, recipe: FineTuneRecipe) -> Optimizer:
    """Groups by rate (head, backbone) and by decay: norms and biases, of one dimension, are not decayed."""
    groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in network.backbone.named_parameters():
        groups.setdefault((network.is_head(name), parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "initial_lr": recipe.learning_rate if head else recipe.backbone_learning_rate,
                "lr": 0.0,
                "weight_decay": recipe.weight_decay if decayed else 0.0,
            }
            for (head, decayed), parameters in groups.items()
        ]
    )


def set_rates(optimizer: Optimizer, recipe: FineTuneRecipe, *, epochs: float) -> None:
    """Set every learning rate for the point of a run after so many ``epochs``."""
    factor = rate_factor(recipe, epochs=epochs)
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor


def rate_factor(recipe: FineTuneRecipe, *, epochs: float) -> float:
    """What learning rates are multiplied by: 1 after the warm-up, falling to 0 once everything is trained."""
    frozen = min(recipe.frozen_epochs, recipe.epochs)
    if epochs < frozen:
        return min(1.0, (epochs / frozen + 1e-3) / max(recipe.warmup_fraction, 1e-3))
    done = (epochs - frozen) / max(1, recipe.epochs - frozen)
    warmup = min(1.0, (done + 1e-3) / max(recipe.warmup_fraction, 1e-3))
    return warmup * 0.5 * (1 + math.cos(math.pi * done))
