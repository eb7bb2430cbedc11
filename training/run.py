"""One whole run: load and check the source, train, calibrate, evaluate on the test images once, write the output."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console

from engine.network_file import image_size
from training import processes
from training.destination import check_names, choose_destination, claimed
from training.distillation import Teacher
from training.errors import WeightsError
from training.finish import announce, finish, run_epochs
from training.labels import require_same_classes
from training.loop import Trainer
from training.memory import keep_freed_memory
from training.networks import load_network, load_network_to_train, network_class, new_network
from training.options import RunOptions
from training.processor import configure_torch
from training.recipes import Recipe
from training.record import ALL_KEYS, Record, read_record
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
        announce(console, source, trainer, destination)
        run_epochs(trainer, source, options, destination, console)
        if processes.is_main():
            finish(trainer, source, options, destination, console)


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
        _require_its_classes(options.initial_weights, read_record(options.initial_weights.with_suffix(".json")), source)
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
        teacher=_teacher(recipe, options, source),
    )
    trainer.progress.initial_weights = trained
    return trainer


def _teacher(recipe: Recipe, options: RunOptions, source: Source) -> Teacher | None:
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
        known, classes = len(record["class_names"]), len(source.class_names)
        if known != classes:
            raise WeightsError(f"{path} knows {known} classes; it cannot teach the {classes} of this run.")
        _require_its_classes(path, record, source)
    return Teacher(
        [network.to(processes.device()) for network in networks],
        records=[teacher_entry(record) for record in records],
    )


def _require_its_classes(weights: Path, record: Record, source: Source) -> None:
    require_same_classes(weights, record, class_names=source.class_names, folder_names=source.folder_names)
