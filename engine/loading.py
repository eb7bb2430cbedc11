"""The engine of an archive: loaded, checked and run once. It says in the log what computes, and why not OpenVINO."""

import importlib.metadata
import importlib.util
import logging
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.cascade import Answers, Cascade, CascadeStage, Network
from engine.metadata import EngineMetadata, HashedFile, Stage, read_metadata
from engine.views import AveragedViews

# Of `handler.precision`: every stage that was exported; the same, but refused where none is int8; float32 alone.
PRECISIONS = ("auto", "int8", "fp32")

logger = logging.getLogger(__name__)


class Engine(Protocol):
    """A classifier of images of one size, ready to answer. For one thread."""

    image_size: int

    def answer(self, pixels: NDArray[np.uint8]) -> Answers:
        """Probabilities and answering stages of N >= 1 RGB images (N, S, S, 3) uint8."""
        ...

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
    """The engine of an unpacked archive, after a lone image and a full batch.

    OpenVINO computes where the archive carries its files; torch on a GPU, and where there is no OpenVINO.

    Args:
        model_dir: where TorchServe unpacked the archive.
        manifest_model: section `model` of its manifest.
        classes: how many classes it must tell apart.
        precision: one of `PRECISIONS`.
        batch_size: the largest batch that will come.
        gpu_id: the GPU that TorchServe assigned to this worker, if any.

    Raises:
        RuntimeError: the parts of the archive do not fit together, or cannot be computed here in this precision.
        MetadataError: engine.json, or a file that it names, cannot be used.
    """
    metadata = read_metadata(model_dir)
    if metadata and metadata.classes != classes:
        raise RuntimeError(f"engine.json is of {metadata.classes} classes; index_to_name.json has {classes}")
    has_network = bool(manifest_model.get("modelFile"))
    reason = _reason_for_torch(metadata, gpu_id=gpu_id if has_network else None)
    if metadata and reason is None:
        if gpu_id is not None:
            why = (
                f"torch sees no GPU {gpu_id}"
                if has_network
                else f"the archive has no network for torch and GPU {gpu_id}"
            )
            logger.warning("OpenVINO computes on the CPU: %s, which is assigned to this worker", why)
        engine = openvino_engine(model_dir, metadata, precision=precision)
    else:
        logger.warning("torch computes in float32: %s", reason)
        if precision == "int8":
            raise RuntimeError(
                f"handler.precision is int8, but torch computes in float32: {reason}; expected auto or fp32"
            )
        engine = _torch_engine(model_dir, manifest_model, classes=classes, gpu_id=gpu_id)
    for stage in engine.stages:
        for size in sorted({1, batch_size}):  # kernels are chosen here, and misfits show before the first request
            _check_stage(stage, engine.image_size, batch_size=size, classes=classes)
    return engine


def _reason_for_torch(metadata: EngineMetadata | None, *, gpu_id: int | None) -> str | None:
    """Why torch and not OpenVINO computes; None where OpenVINO does.

    torch is imported for it only where TorchServe has assigned a GPU: the import takes a worker 280 MB.
    """
    has_torch = any(importlib.metadata.distributions(name="torch"))  # a module of that name may be the stand-in
    if gpu_id is not None and has_torch:
        from engine.torch_network import sees_gpu

        if sees_gpu():
            return f"GPU {gpu_id} is assigned to this worker"
    if metadata is None:
        reason = "the archive has no OpenVINO files (`python train.py export` writes them)"
    elif importlib.util.find_spec("openvino") is None:
        reason = "the package openvino is not installed"
    else:
        return None
    if not has_torch:
        raise RuntimeError(f"{reason}, and torch is not installed either; install one of them")
    return reason


def openvino_engine(folder: Path, metadata: EngineMetadata, *, precision: str = "auto") -> Cascade:
    """The cascade that `metadata` describes, of files in `folder`; raises as `load_engine`."""
    import openvino

    from engine.openvino_network import OpenVinoNetwork

    @cache  # stages that differ in their views alone share one network
    def compiled(xml: HashedFile, bin: HashedFile) -> OpenVinoNetwork:
        return OpenVinoNetwork(folder, xml, bin, image_size=metadata.image_size, classes=metadata.classes)

    def load(stage: Stage, before: Stage | None) -> CascadeStage:
        network: Network = compiled(stage.xml, stage.bin)
        seen = 0
        if stage.views > 1:
            seen = int(before is not None and (before.xml, before.bin, before.views) == (stage.xml, stage.bin, 1))
            network = AveragedViews(network, first=seen, end=stage.views)
        return CascadeStage(
            stage.name, stage.precision, network, stage.min_margin, stage.temperature, kept=seen / stage.views
        )

    chosen = _stages_in(metadata, precision)
    stages = [load(stage, before) for stage, before in zip(chosen, [None, *chosen], strict=False)]
    return Cascade(stages, image_size=metadata.image_size, backend=f"openvino {openvino.__version__}")


def _stages_in(metadata: EngineMetadata, precision: str) -> list[Stage]:
    """The stages that `handler.precision` allows."""
    allowed = [stage for stage in metadata.stages if precision != "fp32" or stage.precision == "fp32"]
    final = next((index for index, stage in enumerate(allowed) if not stage.min_margin), 0)
    allowed = allowed[: final + 1]  # nothing comes after a stage whose every answer stands
    if not allowed or (precision == "int8" and all(stage.precision != "int8" for stage in allowed)):
        exported = ", ".join(f"{stage.name} in {stage.precision}" for stage in metadata.stages)
        raise RuntimeError(f"handler.precision is {precision}, but the archive has {exported} alone; expected auto")
    return allowed


def _torch_engine(model_dir: Path, manifest_model: Mapping[str, Any], *, classes: int, gpu_id: int | None) -> Cascade:
    import torch

    from engine.network_file import image_size
    from engine.torch_network import TorchNetwork, load_network, sees_gpu, set_up_threads

    set_up_threads()
    network = load_network(model_dir, manifest_model=manifest_model, classes=classes)
    device = torch.device("cuda", gpu_id) if gpu_id is not None and sees_gpu() else torch.device("cpu")
    stage = CascadeStage(type(network).__name__, "fp32", TorchNetwork(network, device=device))
    return Cascade([stage], image_size=image_size(network), backend=f"torch {torch.__version__} on {device}")


def _check_stage(stage: CascadeStage, image_size: int, *, batch_size: int, classes: int) -> None:
    probabilities = stage.network.probabilities(np.zeros((batch_size, image_size, image_size, 3), np.uint8))
    if probabilities.shape != (batch_size, classes):
        raise RuntimeError(f"the network gives {probabilities.shape}; expected {(batch_size, classes)} logits")
    if not np.isfinite(probabilities).all():
        raise RuntimeError("the network gives no finite logits for a black image; train it anew")
