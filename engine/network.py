"""The network of an archive: found by its manifest, built, filled with its weights, and proved to run."""

import importlib.util
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn


def load_class_names(path: Path) -> list[str]:
    """Class names in the order of the logits, from `{"0": "plane", "1": "car", …}`.

    Raises:
        RuntimeError: the indexes are not 0, 1, 2, … or a name is no text.
    """
    names = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(names, dict) or not names or set(names) != {str(index) for index in range(len(names))}:
        raise RuntimeError(f'{path.name}: expected {{"0": name, "1": name, …}} without gaps')
    if not all(isinstance(name, str) for name in names.values()):
        raise RuntimeError(f"{path.name}: expected each class name to be text")
    return [names[str(index)] for index in range(len(names))]


def load_network(model_dir: Path, *, manifest_model: Mapping[str, Any], classes: int) -> nn.Module:
    """The archive's network with its weights, in eval mode, on the CPU.

    Args:
        model_dir: where TorchServe unpacked the archive.
        manifest_model: section `model` of its manifest: `modelFile` and `serializedFile`.
        classes: how many classes it must tell apart.

    Raises:
        RuntimeError: the archive lacks a part, or its parts do not fit together.
    """
    missing = [key for key in ("modelFile", "serializedFile") if not manifest_model.get(key)]
    if missing:
        raise RuntimeError(f"the manifest names no {' and no '.join(missing)}; package the archive with both")
    network_class = _network_class(model_dir / manifest_model["modelFile"])
    weights = manifest_model["serializedFile"]
    network: nn.Module = network_class(classes=classes)
    try:
        network.load_state_dict(torch.load(model_dir / weights, map_location="cpu", weights_only=True))
    except Exception as error:
        raise RuntimeError(
            f"{weights} holds no weights of {network_class.__name__}(classes={classes}): {error}"
        ) from error
    return network.eval()


def image_size(network: nn.Module) -> int:
    """The side of the square pictures the network takes, in pixels.

    Raises:
        RuntimeError: its class does not say.
    """
    size = getattr(network, "image_size", None)
    if not isinstance(size, int) or size < 1:
        raise RuntimeError(f"{type(network).__name__}.image_size is {size!r}; expected a side in pixels")
    return size


def choose_device(gpu_id: int | None) -> torch.device:
    """The GPU that TorchServe assigned to this worker where torch sees one, else the CPU."""
    if gpu_id is not None and torch.cuda.is_available():
        return torch.device("cuda", gpu_id)
    return torch.device("cpu")


def set_up_threads() -> None:
    """Let torch use as many threads as OMP_NUM_THREADS says, else one: each worker has its own core.

    Numbers below 1e-38 count as zero in them. The GELU of what is far below zero meets such numbers, and they take the
    processor many times as long: a picture of noise is a matter of 1.2 ms instead of 1.5.
    """
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    torch.set_flush_denormal(True)


def _network_class(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise RuntimeError(f"{path.name} is no Python file of the archive")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, nn.Module) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise RuntimeError(f"{path.name} defines {len(found)} nn.Module classes; expected exactly one")
    return found[0]
