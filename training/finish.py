"""What follows the last epoch of any run: calibrate, evaluate on the test images once, write, export."""

from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from training import processes
from training.calibration import fit_calibration
from training.destination import Destination
from training.display import TrainingDisplay
from training.errors import ExportError
from training.evaluation import evaluate, predict
from training.networks import has_calibration, round_conv_weights
from training.options import OutputOptions
from training.output import write_output
from training.parts import Parts, parts_of
from training.trainers import AnySource, AnyTrainer


def announce(console: Console, source: AnySource, trainer: AnyTrainer, destination: Destination) -> None:
    """Say what is trained, on what, where."""
    held_out = len(trainer.validation) if trainer.validation else 0
    for remark in source.remarks:
        console.print(remark, highlight=False, soft_wrap=True)
    console.print(
        f"{destination.title} from {source.description}: {len(source.class_names)} classes, "
        f"{len(trainer.train):,} images to train on, {held_out:,} for validation, {len(source.test):,} to test; "
        f"{trainer.recipe.network} on {processes.world_size()} x {trainer.device}, {torch.get_num_threads()} threads"
        f"{', bfloat16' if trainer.uses_bf16 else ''}",
        highlight=False,
        soft_wrap=True,
    )


def run_epochs(
    trainer: AnyTrainer, source: AnySource, options: OutputOptions, destination: Destination, console: Console
) -> None:
    """Train, from the checkpoint on if the run is resumed; the main process writes one after each epoch."""
    identity: dict[str, Any] = {
        "recipe": asdict(replace(trainer.recipe, epochs=0)),  # a resumed run may plan more or fewer epochs
        "seed": trainer.seed,
        "data_fingerprint": source.fingerprint,
        "processes": processes.world_size(),
        "initial_weights": (trainer.progress.initial_weights or {}).get("sha256"),
        "teachers": [each["sha256"] for each in trainer.teacher.records] if trainer.teacher else [],
    }
    if options.resume:
        trainer.resume(destination.checkpoint, identity=identity)
    images = len(trainer.train) // processes.world_size()
    display = TrainingDisplay(console, epochs=trainer.recipe.epochs, images=images)
    if processes.is_main():
        trainer.run(
            display,
            checkpoint=lambda: trainer.save(destination.checkpoint, identity=identity),
            checkpoint_every_s=options.checkpoint_every_s,
        )
    else:
        trainer.run(display)


def finish(
    trainer: AnyTrainer, source: AnySource, options: OutputOptions, destination: Destination, console: Console
) -> None:
    """Round the weights as the file does, calibrate on the validation images, evaluate on the test images, write."""
    if trainer.recipe.fp16_conv_weights:
        round_conv_weights(trainer.network)
    raw = predict(trainer.network, source.test.images)
    logits = _calibrate(trainer, raw)
    write_output(trainer, source, options, destination, raw=raw, logits=logits)
    evaluation = evaluate(logits, source.test.labels)
    progress = trainer.progress
    seen = progress.epoch * len(trainer.train)
    console.print(
        f"trained on {seen:,} images in {progress.seconds:.0f} s: {seen / progress.seconds:,.0f} a second, "
        f"{progress.network_seconds / progress.seconds:.0%} of the time in the network\n"
        f"test accuracy {evaluation.accuracy:.2%} of {evaluation.n:,} images; {destination.path('.pt')}",
        highlight=False,
        soft_wrap=True,
    )
    if options.export:
        _export(destination.path(".pt"), parts_of(source, trainer.recipe), console=console)
    console.print(f"next: python archive.py {destination.path('.json')}", highlight=False, soft_wrap=True)


def _export(weights: Path, parts: Parts, *, console: Console) -> None:
    """Write what serving loads; raises ExportError where its packages are missing (training needs torch alone)."""
    if missing := [package for package in ("openvino", "nncf") if find_spec(package) is None]:
        raise ExportError(
            f"{weights} and its record are written, but {' and '.join(missing)} to export them is not installed: "
            f"run `python train.py export {weights}` where it is."
        )
    from training.export import export_weights

    export_weights(weights, parts, console=console)


def _calibrate(trainer: AnyTrainer, raw: Tensor) -> Tensor:
    """Fit the calibration of a network that has one, given validation images; returns ``raw`` logits calibrated."""
    network = trainer.network
    if not has_calibration(network) or trainer.validation is None:
        return raw
    held_out = predict(trainer.network, trainer.validation.images)
    fitted = fit_calibration(held_out, trainer.validation.labels, calibrate=network.calibrated)
    network.calibration.copy_(fitted)  # on the network's device; logits are on the CPU
    return network.calibrated(raw, fitted)
