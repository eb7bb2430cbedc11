"""One whole run of fine-tuning: look at the folder, make the network, train, and end as every run does."""

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console

from training import processes
from training.balance import choose_balance, said
from training.destination import check_names, choose_destination, claimed
from training.finetune_recipe import FineTuneRecipe
from training.finetuner import FineTuner
from training.finish import announce, finish, run_epochs
from training.image_store import default_workers
from training.memory import keep_freed_memory
from training.options import FineTuneOptions
from training.photo_augmentation import MARGIN
from training.photo_folders import PhotoFolders, read_photo_folders
from training.photo_source import PhotoSource, Sides, open_photo_source
from training.processor import configure_torch
from training.record import sha256_of
from training.sources import checked_class_names
from training.torchvision_network import NONE, PREFIX, TorchvisionNetwork, load_pretrained

EPOCHS, EPOCHS_FROM_RANDOM = 10, 40
FROZEN_FRACTION = 5  # of the epochs, one in so many trains the head alone
LEARNING_RATE = 1e-3  # AdamW's
BACKBONE_FRACTION = 0.1  # of the head's rate


def fine_tune(options: FineTuneOptions, console: Console) -> None:
    """Train, and write weights, record and charts where ``choose_destination`` says.

    Raises TrainingError before the first epoch if the folder, the network or its weights cannot be used, the output not
    be named or written as wanted, or the checkpoint not be resumed.
    """
    keep_freed_memory()
    configure_torch()
    check_names(options)
    processes.from_main(lambda: choose_destination(options))
    folders = read_photo_folders(
        options.source,
        validation_fraction=options.validation_fraction,
        test_fraction=options.test_fraction,
        seed=options.split_seed,
    )
    names = checked_class_names(options.class_names, folders.class_names)
    torch.manual_seed(options.seed)  # of the random initial weights
    network = TorchvisionNetwork(options.network, len(names), image_size=options.image_size)
    load_pretrained(network, options.weights)
    with ExitStack() as stack:
        destination = processes.from_main(lambda: stack.enter_context(claimed(choose_destination(options))))
        source = replace(_source(folders, options, stack, console), class_names=names)
        trainer = _trainer(network, source, options, console)
        announce(console, source, trainer, destination)
        run_epochs(trainer, source, options, destination, console)
        if processes.is_main():
            finish(trainer, source, options, destination, console)


def _source(folders: PhotoFolders, options: FineTuneOptions, stack: ExitStack, console: Console) -> PhotoSource:
    sides = Sides(round(options.image_size * MARGIN), options.image_size)
    counts = len(folders.train.paths), len(folders.validation.paths) + len(folders.test.paths)
    fits = 3 * (counts[0] * sides.train**2 + counts[1] * sides.served**2) <= options.cache_gb * 1e9

    def look() -> PhotoSource:
        cache = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pixserve-"))) if fits else None
        return open_photo_source(
            folders,
            sides=sides,
            skip_broken=options.skip_broken,
            cache=cache,
            workers=default_workers() if options.workers is None else options.workers,
            console=console,
        )

    return processes.from_main(look)


def _trainer(network: TorchvisionNetwork, source: PhotoSource, options: FineTuneOptions, console: Console) -> FineTuner:
    counts = torch.bincount(source.train.labels, minlength=len(source.class_names))
    balance = choose_balance(options.balance, counts)
    if sentence := said(balance, counts, source.class_names):
        console.print(sentence, highlight=False, soft_wrap=True)
    random = options.weights == NONE
    epochs = options.epochs or (EPOCHS_FROM_RANDOM if random else EPOCHS)
    rate = LEARNING_RATE if options.learning_rate is None else options.learning_rate
    frozen = 0 if random else max(1, epochs // FROZEN_FRACTION)
    recipe = FineTuneRecipe(
        network=f"{PREFIX}{options.network}",
        weights=_named(options.weights),
        image_size=options.image_size,
        epochs=epochs,
        frozen_epochs=frozen if options.frozen_epochs is None else options.frozen_epochs,
        batch_size=options.batch_size,
        learning_rate=rate,
        backbone_learning_rate=rate if random else rate * BACKBONE_FRACTION,
        weight_decay=0.02,
        label_smoothing=0.1,
        warmup_fraction=0.1,
        augmentation=options.augmentation.value,
        balance=balance,
        validation_fraction=options.validation_fraction,
        test_fraction=options.test_fraction,
        split_seed=options.split_seed,
        skip_broken=options.skip_broken,
        served_precision=options.precision.value,
    )
    held_out = source.validation if len(source.validation) and processes.is_main() else None
    return FineTuner(
        network,
        recipe,
        classes=len(source.class_names),
        train=source.train,
        validation=held_out,  # the main process selects alone
        seed=options.seed,
        device=processes.device(),
        workers=_workers(source, options),
    )


def _workers(source: PhotoSource, options: FineTuneOptions) -> int:
    """How many processes decode and augment: on a CPU none where images lie decoded, for training takes all cores."""
    if options.workers is not None:
        return options.workers
    share = max(1, default_workers() // processes.world_size())
    if processes.device().type == "cuda":
        return share
    return 0 if source.train.images.cache is not None else max(1, share // 2)


def _named(weights: str) -> str:
    """The weights for the record: a file by its name and the SHA-256 of its bytes."""
    path = Path(weights)
    return f"{path.name} sha256:{sha256_of(path)}" if path.is_file() else weights
