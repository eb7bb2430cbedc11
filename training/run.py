"""One whole run: load and check the source, train, calibrate, evaluate on the test images once, write the output."""

from contextlib import ExitStack
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from engine.network_file import image_size
from training import processes
from training.calibration import fit_calibration
from training.destination import Destination, check_names, choose_destination, claimed
from training.display import TrainingDisplay
from training.distillation import Teacher
from training.errors import ExportError, WeightsError
from training.evaluation import evaluate, predict
from training.loop import Trainer
from training.memory import keep_freed_memory
from training.networks import (
    has_calibration,
    load_network,
    load_network_to_train,
    network_class,
    new_network,
    round_conv_weights,
)
from training.options import RunOptions
from training.output import write_output
from training.processor import configure_torch
from training.recipes import Recipe
from training.record import ALL_KEYS
from training.record_entries import teacher_entry
from training.sources import Source, hold_out, load_source, rename_classes


def run(recipe: Recipe, options: RunOptions, console: Console) -> None:
    """Train, and write weights, record and charts where ``choose_destination`` says.

    Raises TrainingError before the first epoch if the source cannot be used, the output not be named or written as
    wanted, or the checkpoint not be resumed.
    """
    keep_freed_memory()
    configure_torch()
    check_names(options)
    processes.from_main(lambda: choose_destination(options))  # what exists already is found before images are loaded
    recipe = _with_overrides(recipe, options)
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    source = load_source(
        options.source,
        image_size=image_size(network_class(recipe.network)),
        decoders=None if processes.world_size() == 1 else 1,  # several processes share the cores already
    )
    if options.class_names:
        source = rename_classes(source, options.class_names.split(","))
    trainer = _trainer(recipe, source, options)
    with ExitStack() as stack:
        destination = processes.from_main(lambda: stack.enter_context(claimed(choose_destination(options))))
        _announce(console, source, trainer, destination)
        _train(trainer, source, options, destination, console)
        if processes.is_main():
            _finish(trainer, source, options, destination, console)


def _with_overrides(recipe: Recipe, options: RunOptions) -> Recipe:
    """The recipe with the user's own epochs and validation fraction, where given."""
    fraction = recipe.validation_fraction if options.validation_fraction is None else options.validation_fraction
    return replace(recipe, validation_fraction=fraction, epochs=options.epochs or recipe.epochs)


def _trainer(recipe: Recipe, source: Source, options: RunOptions) -> Trainer:
    train, validation = hold_out(source.train, fraction=recipe.validation_fraction)
    torch.manual_seed(options.seed)  # of the random initial weights
    classes = len(source.class_names)
    if options.initial_weights:
        network, trained = load_network_to_train(options.initial_weights, recipe.network, classes=classes)
    else:
        network = new_network(recipe.network, train.images, classes=classes, groups=recipe.groups)
        trained = None
    trainer = Trainer(
        network,
        recipe,
        classes=classes,
        train=train,
        validation=validation if len(validation) and processes.is_main() else None,  # the main process selects alone
        seed=options.seed,
        device=processes.device(),
        teacher=_teacher(recipe, options, classes=classes),
    )
    trainer.progress.initial_weights = trained
    return trainer


def _teacher(recipe: Recipe, options: RunOptions, *, classes: int) -> Teacher | None:
    """The teachers of a recipe with distillation: those given, or else the initial weights."""
    if not recipe.distillation_weight:
        if options.teacher:
            raise WeightsError("This recipe has no distillation: leave --teacher out, or use `student` or `distill`.")
        return None
    weights = options.teacher or ([options.initial_weights] if options.initial_weights else [])
    if not weights:
        raise WeightsError(
            "This recipe distills trained weights: give --teacher WEIGHTS, or --initial-weights WEIGHTS."
        )
    networks, records = zip(*(load_network(each, keys=ALL_KEYS) for each in weights), strict=True)
    for path, record in zip(weights, records, strict=True):
        known = len(record["class_names"])
        if known != classes:
            raise WeightsError(f"{path} knows {known} classes; it cannot teach the {classes} of this run.")
    return Teacher(
        [network.to(processes.device()) for network in networks],
        records=[teacher_entry(record) for record in records],
    )


def _announce(console: Console, source: Source, trainer: Trainer, destination: Destination) -> None:
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


def _train(trainer: Trainer, source: Source, options: RunOptions, destination: Destination, console: Console) -> None:
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


def _finish(trainer: Trainer, source: Source, options: RunOptions, destination: Destination, console: Console) -> None:
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
        _export(destination.path(".pt"), source, console=console)
    console.print(f"next: python archive.py {destination.path('.json')}", highlight=False, soft_wrap=True)


def _export(weights: Path, source: Source, *, console: Console) -> None:
    """Write what serving loads; raises ExportError where its packages are missing (training needs torch alone)."""
    if missing := [package for package in ("openvino", "nncf") if find_spec(package) is None]:
        raise ExportError(
            f"{weights} and its record are written, but {' and '.join(missing)} to export them is not installed: "
            f"run `python train.py export {weights}` where it is."
        )
    from training.export import export_weights

    export_weights(weights, source, console=console)


def _calibrate(trainer: Trainer, raw: Tensor) -> Tensor:
    """Fit the calibration of a network that has one, given validation images; returns ``raw`` logits calibrated."""
    network = trainer.network
    if not has_calibration(network) or trainer.validation is None:
        return raw
    held_out = predict(trainer.network, trainer.validation.images)
    fitted = fit_calibration(held_out, trainer.validation.labels, calibrate=network.calibrated)
    network.calibration.copy_(fitted)  # on the network's device; logits are on the CPU
    return network.calibrated(raw, fitted)
