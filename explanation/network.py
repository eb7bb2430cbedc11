"""The network that is explained: the last stage of an archive's cascade, computed in float32 on one thread."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from engine.metadata import EngineMetadata, Stage
from engine.openvino_network import openvino_core
from explanation.gradient_graph import float_graph, forward_model, gradient_model

BATCH_SIZE = 16  # images of one pass: the memory of activations stays small
SETTINGS: dict[str, Any] = {
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    "PERFORMANCE_HINT": "LATENCY",
    "ENABLE_CPU_PINNING": False,
    "INFERENCE_PRECISION_HINT": "f32",
    "CPU_DENORMALS_OPTIMIZATION": True,
}


class ExplainedNetwork:
    """A network whose scores and gradients can be asked for. For one thread.

    Of the stages that the archive carries the last float32 one is taken, else the last one: of an int8 graph the
    quantizers of activations are taken out, so that it computes in float32 with its int8 weights. Graphs are compiled
    when they are first needed.

    Args:
        folder: where the files of the archive lie.
        metadata: what `engine.json` says of them.

    Raises:
        MetadataError: a file is missing or is another one.
        UnsupportedOperationError: the graph is none of a classifier of uint8 pixels.
    """

    def __init__(self, folder: Path, metadata: EngineMetadata) -> None:
        stage = explained_stage(metadata)
        self.description = stage.name + (" in float32" if stage.precision == "fp32" else ", int8 weights in float32")
        self._classes = metadata.classes
        # The bytes that were verified are those that are compiled.
        model = openvino_core().read_model(stage.xml.read(folder), stage.bin.read(folder))
        self._graph = float_graph(model)

    def log_odds(self, pixels: NDArray[np.float32], target: int) -> NDArray[np.float64]:
        """The log-odds (N,) of class `target`, in nats, for images (N, S, S, 3) float32 of values 0 to 255."""
        logits = np.concatenate([self._run(self._forward, batch) for batch in _batches(pixels)])
        others = np.delete(logits.astype(np.float64), target, axis=1)
        highest = others.max(axis=1)
        rest = highest + np.log(np.exp(others - highest[:, None]).sum(axis=1))
        odds: NDArray[np.float64] = logits[:, target] - rest
        return odds

    def gradients(self, pixels: NDArray[np.float32], target: int) -> NDArray[np.float32]:
        """Gradients (N, S, S, 3) of the log-odds of class `target`, in nats per grey level, of images as above.

        Raises:
            UnsupportedOperationError: an operation of the network has no gradient here.
        """
        one_hot = np.zeros((BATCH_SIZE, self._classes), np.float32)
        one_hot[:, target] = 1
        return np.concatenate([self._run(self._backward, batch, one_hot[: len(batch)]) for batch in _batches(pixels)])

    @cached_property
    def _forward(self) -> Any:
        return openvino_core().compile_model(forward_model(self._graph), "CPU", SETTINGS).create_infer_request()

    @cached_property
    def _backward(self) -> Any:
        return openvino_core().compile_model(gradient_model(self._graph), "CPU", SETTINGS).create_infer_request()

    def _run(self, request: Any, *inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """One pass; `infer()` on one thread would swallow an error and return the batch before."""
        for port, values in enumerate(inputs):
            request.set_input_tensor(port, openvino.Tensor(np.ascontiguousarray(values)))
        request.start_async()
        request.wait()
        found = np.array(request.get_output_tensor(0).data)
        if len(found) != len(inputs[0]) or not np.isfinite(found).all():
            raise RuntimeError(f"OpenVINO answered {found.shape} to {len(inputs[0])} images, or not in finite numbers")
        return found


def explained_stage(metadata: EngineMetadata) -> Stage:
    """The stage whose network is explained: the last in float32, else the last."""
    exact = [stage for stage in metadata.stages if stage.precision == "fp32"]
    return (exact or list(metadata.stages))[-1]


def _batches(pixels: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(pixels), BATCH_SIZE):
        yield pixels[start : start + BATCH_SIZE]
