"""How far the numbers inside a network reach, which serving it in eight bits asks for."""

from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor, nn

from training.errors import SourceError, WeightsError
from training.evaluation import predict
from training.networks import image_size, load_network, stored_state
from training.record import sha256_of, write_record
from training.sources import hold_out, load_source

PICTURES = 300
NUMBERS = 1_000_000  # of one layer, at most
CHOICES = 27
LARGEST_CODE = 255
POWER = 2.4


def find_reach(network: nn.Module, images: Tensor) -> None:
    """Set the ``reach`` of each layer that has one, in place: beyond it, numbers that come to it are cut off.

    It is chosen between the largest number and a third of that: the nearer, the more is cut off, and the finer are the
    steps of what is not. Least is the mean of the error to the power of 2.4, as in BRECQ (arXiv 2102.05426).

    Args:
        network: on the device that is to compute it.
        images: pictures ``(N, 3, S, S) uint8`` such as will come, as many as there are; ``PICTURES`` of them will do.
    """
    hooks = [layer.register_forward_pre_hook(_set_reach) for layer in network.modules() if hasattr(layer, "reach")]
    if not hooks:
        return
    predict(network, images[:: -(-len(images) // PICTURES)])
    for hook in hooks:
        hook.remove()


def find_reach_of_weights(weights: Path, *, source_name: str, console: Console) -> None:
    """Find it for weights that were trained before; they and their record are written again.

    Raises TrainingError where the weights or the source cannot be used, or were not trained on it.
    """
    network, record = load_network(weights)
    if not any(hasattr(layer, "reach") for layer in network.modules()):
        raise WeightsError(f"{weights} is {record['network']}, whose layers have no reach: it is served in float32.")
    source = load_source(source_name, image_size=image_size(type(network)))
    if source.fingerprint != record["data"]["fingerprint"]:
        raise SourceError(f"{source.description} is not what {weights} was trained on: give the source that it was.")
    recipe = record["training"]["recipe"]
    train, _ = hold_out(source.train, fraction=recipe["validation_fraction"])
    find_reach(network, train.images)
    torch.save(stored_state(network, fp16_conv_weights=recipe["fp16_conv_weights"]), weights)
    record["weights"] |= {"bytes": weights.stat().st_size, "sha256": sha256_of(weights)}
    write_record(weights.with_suffix(".json"), record)
    console.print(f"{weights} and its record: written again, with the reach of each layer", highlight=False)


def _set_reach(layer: Any, inputs: tuple[Tensor]) -> None:
    numbers = inputs[0].flatten()
    numbers = numbers[:: -(-len(numbers) // NUMBERS)]
    reaches = inputs[0].max().item() * torch.linspace(1, 1 / 3, CHOICES)  # on the CPU, wherever the numbers are
    layer.reach.copy_(min(reaches, key=lambda reach: _error(numbers, reach)))


def _error(numbers: Tensor, reach: Tensor) -> float:
    """Of numbers that may be 0 to 255 steps long, the longest of them the reach."""
    step = reach / LARGEST_CODE
    coded = (numbers / step).round().clamp(max=LARGEST_CODE) * step
    return (numbers - coded).abs().pow(POWER).mean().item()
