"""One whole run: load and check the source, train, calibrate, read the test pictures once, write what came of it."""

from dataclasses import asdict, replace
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from training import processes, processor
from training.activation_ranges import find_reach
from training.calibration import fit_sharpness
from training.display import TrainingDisplay
from training.errors import WeightsError
from training.evaluation import evaluate, predict
from training.loop import Trainer
from training.memory import keep_freed_memory
from training.networks import (
    can_be_calibrated,
    image_size,
    load_network,
    load_network_to_train,
    network_class,
    new_network,
    round_filters,
)
from training.options import RunOptions
from training.output import write_output
from training.recipes import Recipe
from training.record import origin
from training.sources import Source, hold_out, load_source, rename_classes
from training.teacher import Teacher


def run(recipe: Recipe, options: RunOptions, console: Console) -> None:
    """Train and write ``<out>/<name>-<version>`` as weights, record and charts.

    Raises TrainingError before the first epoch if the source, or the checkpoint to resume, cannot be used.
    """
    keep_freed_memory()
    processor.set_up()
    recipe = _chosen(recipe, options)
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    source = load_source(
        options.source,
        image_size=image_size(network_class(recipe.network)),
        decoders=None if processes.count() == 1 else 1,  # several processes have the cores already
    )
    if options.class_names:
        source = rename_classes(source, options.class_names)
    trainer = _trainer(recipe, source, options)
    _announce(console, source, trainer)
    _train(trainer, source, options, console)
    if processes.is_first():
        _finish(trainer, source, options, console)


def _chosen(recipe: Recipe, options: RunOptions) -> Recipe:
    """The recipe with what the user chose otherwise."""
    validation = recipe.validation if options.validation is None else options.validation
    return replace(recipe, validation=validation, epochs=options.epochs or recipe.epochs)


def _trainer(recipe: Recipe, source: Source, options: RunOptions) -> Trainer:
    train, validation = hold_out(source.train, share=recipe.validation)
    torch.manual_seed(options.seed)  # the network's first weights
    classes = len(source.class_names)
    if options.start_from:
        network, earlier = load_network_to_train(options.start_from, recipe.network, classes=classes)
    else:
        network = new_network(recipe.network, train.images, classes=classes, groups=recipe.groups)
        earlier = None
    # One process validates, since one chooses and writes.
    held_out = validation if len(validation) and processes.is_first() else None
    trainer = Trainer(
        network,
        recipe,
        classes=classes,
        train=train,
        validation=held_out,
        seed=options.seed,
        device=processes.device(),
        teacher=_teacher(recipe, options, classes=classes),
    )
    trainer.progress.earlier = earlier
    return trainer


def _teacher(recipe: Recipe, options: RunOptions, *, classes: int) -> Teacher | None:
    """The weights that teach, calibrated, where the recipe has any: those it starts from, if no others are given."""
    if not recipe.teaching:
        if options.taught_by:
            raise WeightsError("This recipe learns from labels alone: leave --taught-by out, or train by `distil`.")
        return None
    weights = options.taught_by or ([options.start_from] if options.start_from else [])
    if not weights:
        raise WeightsError("This recipe learns from trained weights: give --start-from WEIGHTS or --taught-by WEIGHTS.")
    networks, records = zip(*map(load_network, weights), strict=True)
    for path, record in zip(weights, records, strict=True):
        known = len(record["class_names"])
        if known != classes:
            raise WeightsError(f"{path} knows {known} classes; it cannot teach the {classes} of this run.")
    return Teacher(
        [network.to(processes.device()) for network in networks],
        origins=[origin(record) for record in records],
    )


def _announce(console: Console, source: Source, trainer: Trainer) -> None:
    held_out = len(trainer.validation) if trainer.validation else 0
    console.print(
        f"{source.description}: {len(source.class_names)} classes, {len(trainer.train):,} pictures to train on, "
        f"{held_out:,} held out for choosing, {len(source.test):,} for the test; {trainer.recipe.network} on "
        f"{processes.count()} x {trainer.device}, {torch.get_num_threads()} threads"
        f"{', bfloat16' if trainer.uses_bf16 else ''}",
        highlight=False,
        soft_wrap=True,
    )


def _train(trainer: Trainer, source: Source, options: RunOptions, console: Console) -> None:
    identity: dict[str, Any] = {
        "recipe": asdict(replace(trainer.recipe, epochs=0)),  # of epochs a resumed run may plan more or fewer
        "seed": trainer.seed,
        "pictures": source.fingerprint,
        "processes": processes.count(),
        "started_from": (trainer.progress.earlier or {}).get("sha256"),
        "taught_by": [each["sha256"] for each in trainer.teacher.origins] if trainer.teacher else [],
    }
    if options.resume:
        trainer.resume(options.checkpoint_path, identity=identity)
    display = TrainingDisplay(console, epochs=trainer.recipe.epochs, pictures=len(trainer.train) // processes.count())
    if processes.is_first():
        trainer.run(
            display,
            after_epoch=lambda: trainer.save(options.checkpoint_path, identity=identity),
            at_most_every_s=options.checkpoint_every_s,
        )
    else:
        trainer.run(display)


def _finish(trainer: Trainer, source: Source, options: RunOptions, console: Console) -> None:
    """Round as the file does, calibrate on the held-out pictures, then read the test pictures, once."""
    if trainer.recipe.half_filters:
        round_filters(trainer.network)
    find_reach(trainer.network, trainer.train.images)
    raw = predict(trainer.network, source.test.images)
    logits = _calibrate(trainer, raw)
    write_output(trainer, source, options, raw=raw, logits=logits)
    evaluation = evaluate(logits, source.test.labels)
    progress = trainer.progress
    seen = progress.epoch * len(trainer.train)
    console.print(
        f"trained on {seen:,} pictures in {progress.seconds:.0f} s: {seen / progress.seconds:,.0f} a second, "
        f"{progress.network_seconds / progress.seconds:.0%} of the time in the network\n"
        f"test accuracy {evaluation.accuracy:.2%} of {evaluation.n:,} pictures; {options.output('.pt')}",
        highlight=False,
        soft_wrap=True,
    )


def _calibrate(trainer: Trainer, raw: Tensor) -> Tensor:
    """Calibrate a network that can be, if pictures are held out; what it then gives instead of ``raw`` logits."""
    network = trainer.network
    if not can_be_calibrated(network) or trainer.validation is None:
        return raw
    held_out = predict(trainer.network, trainer.validation.images)
    fitted = fit_sharpness(held_out, trainer.validation.labels, sharpened=network.sharpened)
    network.sharpness.copy_(fitted)  # on the network's device; logits are on the CPU
    return network.sharpened(raw, fitted)
