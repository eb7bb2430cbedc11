"""What a finished run leaves behind: weights, the record beside them, and charts."""

import sys
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from training.calibration import reliability
from training.charts import draw_confusion, draw_curves, draw_reliability
from training.evaluation import evaluate, predict
from training.loop import Trainer
from training.networks import can_be_calibrated, stored_state
from training.options import RunOptions
from training.processor import has_bf16
from training.record import (
    Record,
    data_entry,
    evaluation_entry,
    few_bits_entry,
    sha256_of,
    training_entry,
    write_record,
)
from training.sources import Source


def write_output(trainer: Trainer, source: Source, options: RunOptions, *, raw: Tensor, logits: Tensor) -> None:
    """Write weights, record and charts from the network and its test ``logits (N, K)``, ``raw`` before calibration."""
    options.out.mkdir(parents=True, exist_ok=True)
    weights = options.output(".pt")
    torch.save(stored_state(trainer.network, half_filters=trainer.recipe.half_filters), weights)
    labels = source.test.labels
    evaluation, bins = evaluate(logits, labels), reliability(logits, labels)
    record = {
        "model_name": options.name,
        "version": options.version,
        "network": trainer.recipe.network,
        "class_names": list(source.class_names),
        "test": evaluation_entry(evaluation, source.class_names),
        "numerics": _numerics_entry(trainer, source.test.images, logits),
        "calibration": _calibration_entry(trainer, labels, raw=raw, logits=logits),
        "data": data_entry(source, trainer, note=options.source_note),
        "training": training_entry(trainer, argv=sys.argv, note=options.machine_note),
        "weights": _weights_entry(trainer, weights, source.test.images),
    }
    write_record(options.output(".json"), record)
    title = f"{options.title} ({trainer.recipe.network})"
    draw_curves(options.output("-curves.png"), trainer.progress, title=title, test_accuracy=evaluation.accuracy)
    draw_confusion(
        options.output("-confusion.png"),
        evaluation.confusion,
        source.class_names,
        title=f"{title}: {evaluation.accuracy:.2%} of {evaluation.n:,} test pictures",
    )
    draw_reliability(options.output("-reliability.png"), bins, title=title)


def _weights_entry(trainer: Trainer, weights: Path, images: Tensor) -> Record:
    """How large the network is, and its work for one picture, a multiply-add counted as two operations."""
    with FlopCounterMode(display=False) as counter:
        predict(trainer.network, images[:1])
    return {
        "parameters": sum(each.numel() for each in trainer.network.parameters()),
        "bytes": weights.stat().st_size,
        "sha256": sha256_of(weights),
        "flops_per_picture": int(counter.get_total_flops()),
    }


def _numerics_entry(trainer: Trainer, images: Tensor, logits: Tensor) -> Record:
    """What is served, and how often it would give another class than float32, whose ``logits (N, K)`` are given."""
    lead = getattr(trainer.network, "close_call", None)
    if lead is None:
        return {"served": "float32"}
    entry: Record = {"served": "as few bits as the processor is fast in, close calls in float32", "close_call": lead}
    if has_bf16(trainer.device):
        bf16 = predict(trainer.network, images, bf16=True)
        entry["bf16"] = few_bits_entry(logits, bf16, close_call=lead)
    return entry


def _calibration_entry(trainer: Trainer, labels: Tensor, *, raw: Tensor, logits: Tensor) -> Record:
    """The expected calibration error on the test pictures, before and after calibration."""
    before, after = (reliability(each, labels).error for each in (raw, logits))
    network = trainer.network
    if not can_be_calibrated(network):
        return {"sharpness": None, "test_ece": after}
    return {
        "sharpness": network.sharpness.tolist(),
        "fitted_on": len(trainer.validation) if trainer.validation else 0,
        "test_ece_before": before,
        "test_ece": after,
    }
