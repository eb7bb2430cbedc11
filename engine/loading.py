"""An archive's network, loaded, made fast and run once: the engine that a worker asks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from engine.malloc import keep_freed_memory
from engine.network import choose_device, image_size, load_network, set_up_threads
from engine.precision import choose_precision, in_precision


class Engine(Protocol):
    """A classifier of images of one size, ready to answer."""

    image_size: int

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Class probabilities (N, classes) float32, in [0, 1], of N >= 1 RGB images (N, S, S, 3) uint8."""
        ...

    def description(self) -> dict[str, Any]:
        """What the management API says of it: JSON values by name."""
        ...


def load_engine(
    model_dir: Path,
    *,
    manifest_model: Mapping[str, Any],
    classes: int,
    precision: str,
    batch_size: int,
    gpu_id: int | None,
) -> Engine:
    """The engine of an unpacked archive; every batch size that matters has been run once.

    Args:
        model_dir: where TorchServe unpacked the archive.
        manifest_model: section `model` of its manifest.
        classes: how many classes it must tell apart.
        precision: one of `engine.precision.PRECISIONS`.
        batch_size: the largest batch that will come.
        gpu_id: the GPU that TorchServe assigned to this worker, if any.

    Raises:
        RuntimeError: the parts of the archive do not fit together.
    """
    set_up_threads()
    keep_freed_memory()
    network = load_network(model_dir, manifest_model=manifest_model, classes=classes)
    engine = TorchEngine(network, device=choose_device(gpu_id), precision=precision, batch_size=batch_size)
    for size in sorted({1, batch_size}):  # torch chooses its kernels here, and misfits show before the first request
        _check_finite(engine, batch_size=size, classes=classes)
    return engine


class TorchEngine:
    """A torch network on a GPU, or in the precision that is fastest on this CPU."""

    def __init__(self, network: torch.nn.Module, *, device: torch.device, precision: str, batch_size: int) -> None:
        self.image_size = image_size(network)
        self._device = device
        self._precision = "fp32"
        self._network = network.to(memory_format=torch.channels_last).to(device)
        if device.type == "cpu":
            pixels = torch.zeros(batch_size, 3, self.image_size, self.image_size, dtype=torch.uint8)
            self._precision = choose_precision(network, wanted=precision)
            self._network = in_precision(self._network, pixels, precision=self._precision)

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `Engine.probabilities`."""
        with torch.inference_mode():
            # (N, 3, S, S) for the network, channels last in memory: not a byte is moved.
            logits = self._network(torch.from_numpy(pixels).permute(0, 3, 1, 2).to(self._device))
            result: NDArray[np.float32] = logits.float().softmax(dim=1).cpu().numpy()
        return result

    def description(self) -> dict[str, Any]:
        """See `Engine.description`."""
        return {"precision": self._precision}


def _check_finite(engine: Engine, *, batch_size: int, classes: int) -> None:
    size = engine.image_size
    probabilities = engine.probabilities(np.zeros((batch_size, size, size, 3), np.uint8))
    if probabilities.shape != (batch_size, classes):
        raise RuntimeError(f"the network gives {probabilities.shape}; expected {(batch_size, classes)} logits")
    if not np.isfinite(probabilities).all():
        raise RuntimeError("the network gives no finite logits for a black image; train it anew")
