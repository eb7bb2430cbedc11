"""Networks by the name of their file: made anew, loaded from weights and the record beside them, stored."""

import importlib
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeGuard, runtime_checkable

import torch
from torch import Tensor, nn

from engine import network_file
from training.errors import WeightsError
from training.record import ALL_KEYS, KEYS, Record, read_record
from training.torchvision_network import PREFIX, TorchvisionNetwork

WHITENING_IMAGES = 5000  # airbench
UNCALIBRATED = (1.0, 0.0, 0.0)


@runtime_checkable
class Whitened(Protocol):
    """A network whose first layer is set from images ``(N, 3, S, S) uint8`` before training."""

    def whiten(self, pixels: Tensor) -> None:
        """Set the layer."""


class Calibrated(Protocol):
    """A network whose logits, in evaluation mode, are calibrated by coefficients ``(3,)``; see ``has_calibration``."""

    calibration: Tensor

    @staticmethod
    def calibrated(logits: Tensor, coefficients: Tensor) -> Tensor:
        """Scale logits ``(N, K)``."""


def has_calibration(network: nn.Module) -> TypeGuard[Calibrated]:
    """Whether it has the buffer; from Python 3.12 on, isinstance() of a protocol does not see a module's buffers."""
    return hasattr(network, "calibration")


def network_class(name: str) -> type[nn.Module]:
    """The one class defined in ``model/<name>.py``; it has ``image_size`` and is made by ``Network(classes)``."""
    return network_file.network_class(importlib.import_module(f"model.{name}"))


def new_network(name: str, pixels: Tensor, *, classes: int, groups: Sequence[tuple[int, bool, int]] = ()) -> nn.Module:
    """An untrained network; a whitening layer, where it has one, is set from the images ``pixels (N, 3, S, S) uint8``.

    ``groups`` are those of a residual network; empty means its own.
    """
    network = network_class(name)(classes, **({"groups": groups} if groups else {}))
    if isinstance(network, Whitened):
        network.whiten(pixels[:: -(-len(pixels) // WHITENING_IMAGES)])
    return network


def load_network(weights: Path, *, keys: Sequence[str] = KEYS) -> tuple[nn.Module, Record]:
    """The network in ``weights`` and the record beside it (``.json``), in evaluation mode.

    Raises WeightsError where either is missing, the record lacks ``keys``, or they do not fit each other.
    """
    if not weights.is_file():
        raise WeightsError(f"There is no {weights}: give weights (.pt) with the record of training (.json) beside.")
    record = read_record(weights.with_suffix(".json"), keys=keys)
    try:
        network = _network_of(record)
        network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    except (KeyError, ValueError, ImportError, RuntimeError, pickle.UnpicklingError) as error:
        raise WeightsError(f"{weights} and its record do not make a network: {error}") from error
    return network.eval(), record


def is_torchvision(name: str) -> bool:
    """Whether a network is one of torchvision's, by the name that its record gives."""
    return name.startswith(PREFIX)


def _network_of(record: Record) -> nn.Module:
    """The network that a record names, untrained."""
    name, classes = record["network"], len(record["class_names"])
    if not is_torchvision(name):
        return network_class(name)(classes)
    return TorchvisionNetwork(name.removeprefix(PREFIX), classes, image_size=record["preprocessing"]["image_size"])


def load_network_to_train(weights: Path, name: str, *, classes: int) -> tuple[nn.Module, dict[str, Any]]:
    """The network ``name`` with trained weights, uncalibrated, and what the next record says of those weights.

    Raises WeightsError as ``load_network`` does, and where they are of another network or number of classes.
    """
    network, record = load_network(weights, keys=ALL_KEYS)
    if (record["network"], len(record["class_names"])) != (name, classes):
        raise WeightsError(
            f"{weights} is {record['network']} of {len(record['class_names'])} classes; "
            f"this run trains {name} of {classes}: give such weights, or leave --initial-weights out."
        )
    if has_calibration(network):
        network.calibration.copy_(torch.tensor(UNCALIBRATED))
    return network.train(), {"sha256": record["weights"]["sha256"], **record["training"]}


@torch.no_grad()
def round_conv_weights(network: nn.Module) -> None:
    """Round the weights of convolutions, in place, to float16 values: storing them as float16 then loses nothing."""
    for weight in _conv_weights(network).values():
        weight.copy_(weight.half())


def stored_state(network: nn.Module, *, fp16_conv_weights: bool) -> dict[str, Tensor]:
    """The state_dict on the CPU, weights of convolutions as float16 if wanted; loading makes float32 of them again."""
    half = _conv_weights(network) if fp16_conv_weights else {}
    return {name: (value.half() if name in half else value).cpu() for name, value in network.state_dict().items()}


def _conv_weights(network: nn.Module) -> dict[str, nn.Parameter]:
    """The weights of convolutions, by name."""
    return {name: each for name, each in network.named_parameters() if each.ndim == 4}
