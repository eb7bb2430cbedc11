"""Finding a network by the name of its file, and loading it from weights and the record beside them."""

import importlib
import inspect
import json
import pickle
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from training.errors import WeightsError


@runtime_checkable
class Whitened(Protocol):
    """A network whose first layer is set from pictures ``(N, 3, S, S) uint8`` before it learns."""

    def whiten(self, pixels: Tensor) -> None:
        """Set the layer."""


def network_class(name: str) -> type[nn.Module]:
    """The one class defined in ``model/<name>.py``; it has ``image_size`` and is made by ``Network(classes)``."""
    module = importlib.import_module(f"model.{name}")
    (found,) = (
        each
        for _, each in inspect.getmembers(module, inspect.isclass)
        if issubclass(each, nn.Module) and each.__module__ == module.__name__
    )
    network: type[nn.Module] = found
    return network


def image_size(network: type[nn.Module]) -> int:
    """Pixels a side of the pictures this network takes."""
    size = vars(network)["image_size"]
    assert isinstance(size, int)
    return size


def load_network(weights: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network in ``weights`` and the record beside it (``.json``), in evaluation mode.

    Raises WeightsError where either is missing or they do not fit each other.
    """
    record_path = weights.with_suffix(".json")
    for path in (weights, record_path):
        if not path.is_file():
            raise WeightsError(f"There is no {path}: give weights (.pt) with the record of training (.json) beside.")
    try:
        record: dict[str, Any] = json.loads(record_path.read_text())
        network = network_class(record["network"])(len(record["class_names"]))
        network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    except (ValueError, KeyError, ImportError, RuntimeError, pickle.UnpicklingError) as error:
        raise WeightsError(f"{weights} and {record_path.name} do not make a network: {error}") from error
    return network.eval(), record
