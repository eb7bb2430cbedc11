"""Finding a network by the name of its file, and loading it from weights and the record beside them."""

import importlib
import inspect
import json
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeGuard, runtime_checkable

import torch
from torch import Tensor, nn

from training.errors import WeightsError

WHITENING_PICTURES = 5000  # airbench
NOT_CALIBRATED = (1.0, 0.0, 0.0)


@runtime_checkable
class Whitened(Protocol):
    """A network whose first layer is set from pictures ``(N, 3, S, S) uint8`` before it learns."""

    def whiten(self, pixels: Tensor) -> None:
        """Set the layer."""


class Calibrated(Protocol):
    """A network whose answers, outside training, are scaled by a buffer ``(3,)``; see ``can_be_calibrated``."""

    sharpness: Tensor

    @staticmethod
    def sharpened(logits: Tensor, coefficients: Tensor) -> Tensor:
        """Scale logits ``(N, K)``."""


def can_be_calibrated(network: nn.Module) -> TypeGuard[Calibrated]:
    """Whether it has the buffer; from Python 3.12 on, isinstance() of a protocol does not see a module's buffers."""
    return hasattr(network, "sharpness")


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


def new_network(name: str, pixels: Tensor, *, classes: int, groups: Sequence[tuple[int, bool, int]] = ()) -> nn.Module:
    """A network that has learned nothing; its first layer, where there is one to set, is set from ``pixels``.

    ``groups`` are those of a residual network, if it is to have others than its own.
    """
    network = network_class(name)(classes, **({"groups": groups} if groups else {}))
    if isinstance(network, Whitened):
        network.whiten(pixels[:: -(-len(pixels) // WHITENING_PICTURES)])
    return network


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


def load_network_to_train(weights: Path, name: str, *, classes: int) -> tuple[nn.Module, dict[str, Any]]:
    """The network ``name`` with trained weights, uncalibrated, and the record of how they came about.

    Raises WeightsError as ``load_network`` does, and where they are of another network or number of classes.
    """
    network, record = load_network(weights)
    if (record["network"], len(record["class_names"])) != (name, classes):
        raise WeightsError(
            f"{weights} is {record['network']} of {len(record['class_names'])} classes; "
            f"this run trains {name} of {classes}: start from weights of that, or leave --start-from out."
        )
    if can_be_calibrated(network):
        network.sharpness.copy_(torch.tensor(NOT_CALIBRATED))
    return network.train(), {"sha256": record["weights"]["sha256"], **record["training"]}


@torch.no_grad()
def round_filters(network: nn.Module) -> None:
    """Round the filters of convolutions, in place, to what float16 holds: halving them then loses nothing."""
    for filters in _filters(network).values():
        filters.copy_(filters.half())


def stored_state(network: nn.Module, *, half_filters: bool) -> dict[str, Tensor]:
    """The state_dict on the CPU, filters as float16 if wanted; ``load_state_dict`` makes float32 of them again."""
    half = _filters(network) if half_filters else {}
    return {name: (value.half() if name in half else value).cpu() for name, value in network.state_dict().items()}


def _filters(network: nn.Module) -> dict[str, nn.Parameter]:
    """The filters of convolutions, by name."""
    return {name: each for name, each in network.named_parameters() if each.ndim == 4}
