"""What a finished run leaves behind: weights, the record beside them, and charts."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from training.calibration import reliability
from training.charts import draw_confusion, draw_curves, draw_reliability
from training.evaluation import agreement, evaluate, has_bf16, predict
from training.loop import Trainer
from training.record import Record, data_entry, evaluation_entry, sha256_of, training_entry, write_record
from training.sources import Source


def write_output(
    trainer: Trainer,
    source: Source,
    logits: Tensor,
    *,
    temperature: float | None,
    folder: Path,
    name: str,
    version: str,
    source_note: str | None,
    machine_note: str | None,
    argv: Sequence[str],
) -> None:
    """Write ``<folder>/<name>-<version>{.pt,.json,-*.png}`` from the network and its test ``logits (N, K)``.

    ``temperature`` is what the logits are already divided by; None where the network carries none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"{name}-{version}"
    weights = stem.with_name(f"{stem.name}.pt")
    torch.save({key: value.cpu() for key, value in trainer.network.state_dict().items()}, weights)
    evaluation = evaluate(logits, source.test.labels)
    record = {
        "model_name": name,
        "version": version,
        "network": trainer.recipe.network,
        "class_names": list(source.class_names),
        "test": evaluation_entry(evaluation, source.class_names),
        "numerics": _numerics_entry(trainer, source.test.images, logits),
        "calibration": _calibration_entry(trainer, logits, source.test.labels, temperature=temperature),
        "data": data_entry(source, trainer, note=source_note),
        "training": training_entry(trainer, argv=argv, note=machine_note),
        "weights": {
            "parameters": sum(each.numel() for each in trainer.network.parameters()),
            "bytes": weights.stat().st_size,
            "sha256": sha256_of(weights),
            "flops_per_picture": _flops(trainer, source.test.images),
        },
    }
    write_record(stem.with_name(f"{stem.name}.json"), record)
    title = f"{name} {version} ({trainer.recipe.network})"
    figures = f"{title}: {evaluation.accuracy:.2%} of {evaluation.n:,} test pictures"
    draw_curves(
        stem.with_name(f"{stem.name}-curves.png"), trainer.progress, title=title, test_accuracy=evaluation.accuracy
    )
    draw_confusion(
        stem.with_name(f"{stem.name}-confusion.png"), evaluation.confusion, source.class_names, title=figures
    )
    draw_reliability(
        stem.with_name(f"{stem.name}-reliability.png"), reliability(logits, source.test.labels), title=title
    )


def _numerics_entry(trainer: Trainer, images: Tensor, logits: Tensor) -> Record:
    """What is served, and how often bfloat16 would give another class."""
    entry: Record = {"served": "float32"}
    if has_bf16(trainer.device):
        bf16 = predict(trainer.network, images, bf16=True)
        entry["bf16_same_class"] = agreement(logits, bf16)
    return entry


def _flops(trainer: Trainer, images: Tensor) -> int:
    """Floating-point operations of one forward pass of one picture, a multiply-add counted as two."""
    with FlopCounterMode(display=False) as counter:
        predict(trainer.network, images[:1])
    return int(counter.get_total_flops())


def _calibration_entry(trainer: Trainer, logits: Tensor, labels: Tensor, *, temperature: float | None) -> Record:
    """The expected calibration error on the test pictures, before and after the temperature."""
    after = reliability(logits, labels).error
    if temperature is None:
        return {"temperature": None, "test_ece": after}
    before = reliability(logits * temperature, labels).error
    held_out = len(trainer.validation) if trainer.validation else 0
    return {"temperature": temperature, "fitted_on": held_out, "test_ece_before": before, "test_ece": after}
