"""What a finished run leaves behind: weights, the record beside them, and charts."""

import sys
from pathlib import Path

from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from training.calibration import reliability
from training.charts import draw_confusion, draw_curves, draw_reliability
from training.destination import Destination
from training.evaluation import batches, evaluate, predict
from training.files import torch_bytes, write_atomically
from training.networks import has_calibration, stored_state
from training.options import OutputOptions
from training.record import SCHEMA_VERSION, Record, sha256_of, write_record
from training.record_entries import data_entry, evaluation_entry, training_entry
from training.torchvision_network import TorchvisionNetwork
from training.trainers import AnySource, AnyTrainer


def write_output(
    trainer: AnyTrainer,
    source: AnySource,
    options: OutputOptions,
    destination: Destination,
    *,
    raw: Tensor,
    logits: Tensor,
) -> None:
    """Write weights, record and charts; ``raw`` and ``logits (N, K)`` are of the test images, calibrated the latter."""
    weights = destination.path(".pt")
    state = stored_state(trainer.network, fp16_conv_weights=trainer.recipe.fp16_conv_weights)
    write_atomically(weights, torch_bytes(state))
    labels = source.test.labels
    evaluation, bins = evaluate(logits, labels), reliability(logits, labels)
    record = {
        "schema_version": SCHEMA_VERSION,
        "model_name": destination.name,
        "version": destination.version,
        "network": trainer.recipe.network,
        **_preprocessing_entry(trainer),
        "class_names": list(source.class_names),
        "test": evaluation_entry(evaluation, source.class_names),
        "reduced_precision": None,  # until it is exported
        "calibration": _calibration_entry(trainer, labels, raw=raw, logits=logits),
        "data": data_entry(source, trainer, note=options.source_note),
        "training": training_entry(trainer, argv=sys.argv, note=options.machine_note),
        "weights": _weights_entry(trainer, weights, next(batches(source.test.images))[:1]),
    }
    write_record(destination.path(".json"), record)
    title = f"{destination.title} ({trainer.recipe.network})"
    draw_curves(destination.path("-curves.png"), trainer.progress, title=title, test_accuracy=evaluation.accuracy)
    draw_confusion(
        destination.path("-confusion.png"),
        evaluation.confusion,
        source.class_names,
        title=f"{title}: {evaluation.accuracy:.2%} of {evaluation.n:,} test images",
    )
    draw_reliability(destination.path("-reliability.png"), bins, title=title)


def _weights_entry(trainer: AnyTrainer, weights: Path, image: Tensor) -> Record:
    """Parameters, file size, SHA-256, and operations for one image, a multiply-add counted as two."""
    with FlopCounterMode(display=False) as counter:
        predict(trainer.network, image)
    return {
        "parameters": sum(each.numel() for each in trainer.network.parameters()),
        "bytes": weights.stat().st_size,
        "sha256": sha256_of(weights),
        "flops_per_image": int(counter.get_total_flops()),
    }


def _preprocessing_entry(trainer: AnyTrainer) -> Record:
    """What a network of torchvision sees of an image; that of a network file stands in the file."""
    network = trainer.network
    if not isinstance(network, TorchvisionNetwork):
        return {}
    return {
        "preprocessing": {
            "image_size": network.image_size,
            "resize": "central square, bicubic, antialiased",
            "mean": network.mean.flatten().tolist(),
            "deviation": network.deviation.flatten().tolist(),
        }
    }


def _calibration_entry(trainer: AnyTrainer, labels: Tensor, *, raw: Tensor, logits: Tensor) -> Record:
    """The coefficients, and the expected calibration error on the test images without and with them."""
    without, calibrated = (reliability(each, labels).error for each in (raw, logits))
    network = trainer.network
    if not has_calibration(network):
        return {"coefficients": None, "test_ece": calibrated}
    return {
        "coefficients": network.calibration.tolist(),
        "fitted_on": len(trainer.validation) if trainer.validation else 0,
        "test_ece_uncalibrated": without,
        "test_ece": calibrated,
    }
