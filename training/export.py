"""Weights to what serving loads: OpenVINO's IR in float32 and int8, and the record's section `engine`.

Called when training ends, and by `python train.py export` for weights that are there already.
"""

import copy
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import openvino
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from engine.cascade import Answers
from engine.loading import Engine, openvino_engine
from engine.metadata import EngineMetadata, HashedFile, Stage
from engine.network_file import image_size
from training.destination import refuse_shipped
from training.drift import drift_entry
from training.errors import ExportError, SourceError
from training.evaluation import Labelled, predict
from training.image_store import ImageStore
from training.networks import is_torchvision, load_network
from training.parts import Parts, evenly_spaced, load_parts
from training.quantization import CALIBRATION_IMAGES, fit_min_margin, quantization_entry, quantize
from training.record import Record, write_record

# Smaller networks stay in float32: LeNet (1.3 MFLOP an image) is bound by overhead, and int8 adds to it.
INT8_FROM_FLOPS = 20e6
FIT_IMAGES = 2000  # training images on which the margin is fitted, where none are held out
BATCH_SIZE = 32
# Of a fine-tuned network: few validation images fit a margin too large, and each fallback costs more than int8 saves.
MAX_FALLBACK = 0.1


class Served(nn.Module):
    """A network as it is served: channels last in, probabilities out."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, S, S, 3) uint8 to (N, classes) float32, each row of sum 1."""
        logits: Tensor = self.network(pixels.permute(0, 3, 1, 2))
        return logits.softmax(dim=1)


def export_from(weights: Path, *, source_name: str, overwrite: bool, console: Console) -> None:
    """Export weights that were trained before; raises TrainingError as `export_weights` and `load_parts` do.

    Raises OutputError where files that are shipped would be replaced, unless told to by `overwrite`.
    """
    if not overwrite:
        refuse_shipped(sorted(weights.parent.glob(f"{weights.stem}.*.xml")))
    network, record = load_network(weights)
    parts = load_parts(record, source_name, image_size=image_size(network), console=console)
    export_weights(weights, parts, console=console)


def export_weights(weights: Path, parts: Parts, *, console: Console) -> None:
    """Write the IR beside `weights`; into their record what it is (`engine`), how exact (`reduced_precision`),
    and what it answers to held-out images (`drift`).

    Calibration images are training images; the float32 fallback is fitted on the validation images of the training.

    Raises:
        WeightsError: the weights or their record cannot be used.
        SourceError: they were trained on other images.
        ExportError: OpenVINO cannot take the network.
    """
    network, record = load_network(weights)
    if parts.fingerprint != record["data"]["fingerprint"]:
        raise SourceError(f"{parts.description} is not what {weights} was trained on: give the source that it was.")
    record["engine"] = _write_stages(network, weights, record, parts)
    metadata = EngineMetadata.from_json(record["engine"])
    served = predict_stored(openvino_engine(weights.parent, metadata), parts.test.images)
    record["drift"] = drift_entry(served.probabilities)
    record["reduced_precision"] = reduced_precision_entry(network, weights.parent, metadata, parts.test, served)
    write_record(weights.with_suffix(".json"), record)
    console.print(f"{weights.stem} exported for OpenVINO, served in {_precision_line(record)}", highlight=False)


def _precision_line(record: Record) -> str:
    entry = record["reduced_precision"]
    if entry is None:
        return "float32"
    found = entry["int8"]
    return (
        f"int8: class of float32 on {found['agreement_with_fallback']:.2%} of the test images "
        f"({found['agreement']:.2%} without the fallback, which {found['fallback_fraction']:.2%} take); "
        f"accuracy {found['accuracy']:.2%}, in float32 {found['float32_accuracy']:.2%}"
    )


def to_openvino(network: nn.Module) -> openvino.Model:
    """The graph of a network as it is served: pixels (N, S, S, 3) uint8 to probabilities (N, classes) float32.

    Raises:
        ExportError: torch or OpenVINO cannot take it.
    """
    side = image_size(network)
    example = torch.zeros(2, side, side, 3, dtype=torch.uint8)
    served = Served(copy.deepcopy(network).cpu().eval())
    try:
        program = torch.export.export(served, (example,), dynamic_shapes=({0: torch.export.Dim("batch")},))
        model: openvino.Model = openvino.convert_model(program)
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise ExportError(
            f"{type(network).__name__} cannot be exported for OpenVINO: {reason} Its weights and record are written; "
            "the archive will be served by torch."
        ) from error
    model.reshape([-1, side, side, 3])
    return model


def _write_stages(network: nn.Module, weights: Path, record: Record, parts: Parts) -> Record:
    """Write the IR of each stage; return the record's section `engine`."""
    model = to_openvino(network)
    recipe = record["training"]["recipe"]
    worthwhile = _flops(network, evenly_spaced(parts.train, 1).images) >= INT8_FROM_FLOPS
    quantizes = worthwhile and recipe.get("served_precision", "int8") == "int8"
    exact = _stage(weights, model, precision="fp32", half=worthwhile)
    side = image_size(network)
    classes = int(model.output().get_partial_shape()[1].get_length())

    def metadata(*stages: Stage) -> EngineMetadata:
        return EngineMetadata(image_size=side, classes=classes, stages=stages)

    if not quantizes:
        return metadata(exact).to_json()
    calibration = channels_last(evenly_spaced(parts.train, CALIBRATION_IMAGES).images)
    int8 = _stage(weights, quantize(model, calibration), precision="int8", half=False)
    held_out = parts.validation if len(parts.validation) else evenly_spaced(parts.train, FIT_IMAGES)
    alone = [openvino_engine(weights.parent, metadata(stage)) for stage in (int8, exact)]
    answers = [predict_stored(engine, held_out.images).probabilities for engine in alone]
    largest = MAX_FALLBACK if is_torchvision(record["network"]) else 1.0
    margin = fit_min_margin(*answers, max_fallback=largest)
    section = metadata(replace(int8, min_margin=margin), exact).to_json()
    section["quantization"] = quantization_entry(calibration, description="training images, evenly spaced") | {
        "min_margin_fitted_on": f"{len(held_out):,} {'validation' if len(parts.validation) else 'training'} images"
    }
    return section


def _stage(weights: Path, model: openvino.Model, *, precision: str, half: bool) -> Stage:
    """Save a graph beside the weights; with `half`, weights are stored as float16 (and compute as float32)."""
    path = weights.with_name(f"{weights.stem}.{precision}.xml")
    openvino.save_model(model, path, compress_to_fp16=half)
    return Stage(
        name=weights.stem,
        precision=precision,
        xml=HashedFile.of(path),
        bin=HashedFile.of(path.with_suffix(".bin")),
    )


def predict_batches(engine: Engine, images: NDArray[np.uint8]) -> Answers:
    """What an engine answers to images (N, S, S, 3) uint8, in batches as they are served."""
    return _joined(engine.answer(images[start : start + BATCH_SIZE]) for start in range(0, len(images), BATCH_SIZE))


def predict_stored(engine: Engine, images: Tensor | ImageStore) -> Answers:
    """The same of images (N, 3, S, S) uint8, in memory or on disk."""
    parts = images.batches(BATCH_SIZE) if isinstance(images, ImageStore) else torch.split(images, BATCH_SIZE)
    return _joined(engine.answer(channels_last(batch)) for batch in parts)


def _joined(answers: Iterable[Answers]) -> Answers:
    probabilities, stages = zip(*answers, strict=True)
    return Answers(np.concatenate(probabilities), np.concatenate(stages))


def reduced_precision_entry(
    network: nn.Module, folder: Path, metadata: EngineMetadata, test: Labelled, served: Answers
) -> Record | None:
    """How often what is served gives the class of the torch network in float32; None where float32 alone is served."""
    first = metadata.stages[0]
    if len(metadata.stages) == 1:
        return None
    exact = predict(network, test.images).argmax(dim=1).numpy()
    classes, labels = served.probabilities.argmax(axis=1), test.labels.numpy()
    with_fallback, accuracy = float((classes == exact).mean()), float((classes == labels).mean())
    fallback = np.flatnonzero(served.stages)
    if len(fallback):
        alone = openvino_engine(folder, replace(metadata, stages=(replace(first, min_margin=0.0),)))
        again = _taken(test.images, torch.from_numpy(fallback))
        classes[fallback] = predict_stored(alone, again).probabilities.argmax(axis=1)
    found = {
        "agreement": float((classes == exact).mean()),
        "fallback_fraction": len(fallback) / len(test),
        "agreement_with_fallback": with_fallback,
        "accuracy": accuracy,
        "float32_accuracy": float((exact == labels).mean()),
    }
    return {"min_margin": first.min_margin, first.precision: found}


def _flops(network: nn.Module, image: Tensor) -> int:
    """Work for one image, a multiply-add counted as two operations."""
    with FlopCounterMode(display=False) as counter:
        predict(network, image)
    return int(counter.get_total_flops())


def _taken(images: Tensor | ImageStore, index: Tensor) -> Tensor | ImageStore:
    return images.take(index) if isinstance(images, ImageStore) else images[index]


def channels_last(images: Tensor) -> NDArray[np.uint8]:
    """(N, 3, S, S) to (N, S, S, 3)."""
    array: NDArray[np.uint8] = np.ascontiguousarray(images.permute(0, 2, 3, 1).numpy())
    return array
