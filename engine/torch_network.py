"""One network in torch, in float32: on GPUs, and on CPUs where there is no OpenVINO or no IR for it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engine.network_file import import_file, network_class


class TorchNetwork:
    """Runs a network in evaluation mode on a device."""

    def __init__(self, network: nn.Module, *, device: torch.device) -> None:
        self._device = device
        self._network = network.eval().to(memory_format=torch.channels_last).to(device)

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `engine.cascade.Network`."""
        with torch.inference_mode():
            # (N, 3, S, S) for the network, channels last in memory: nothing is copied.
            logits = self._network(torch.from_numpy(pixels).permute(0, 3, 1, 2).to(self._device))
            result: NDArray[np.float32] = logits.float().softmax(dim=1).cpu().numpy()
        return result


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
    network = network_class(import_file(model_dir / manifest_model["modelFile"]))(classes=classes)
    weights = manifest_model["serializedFile"]
    try:
        network.load_state_dict(torch.load(model_dir / weights, map_location="cpu", weights_only=True))
    except Exception as error:
        raise RuntimeError(
            f"{weights} holds no weights of {type(network).__name__}(classes={classes}): {error}"
        ) from error
    return network.eval()


def sees_gpu() -> bool:
    """Whether torch can compute on a GPU of this machine."""
    return torch.cuda.is_available()


def set_up_threads() -> None:
    """Let torch use as many threads as OMP_NUM_THREADS says, else one: each worker has its own core.

    Denormals are flushed to zero: GELU far below zero gives such numbers, and they take a CPU many times as long.
    """
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    torch.set_flush_denormal(True)
