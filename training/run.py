"""One whole run: load and check the source, train, read the test pictures once, write weights, record and charts."""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from training.charts import draw_confusion, draw_curves
from training.display import TrainingDisplay
from training.evaluation import Evaluation, evaluate, predict
from training.loop import Trainer
from training.networks import image_size, network_class
from training.recipes import Recipe
from training.record import data_entry, evaluation_entry, sha256_of, training_entry, write_record
from training.sources import Source, hold_out, load_source, rename_classes


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What a user chooses besides the recipe."""

    source: str  # "cifar10" or a folder
    name: str
    version: str
    out: Path
    seed: int = 0
    validation: float | None = None  # None: as the recipe says
    class_names: Sequence[str] | None = None  # None: as the source says
    source_note: str | None = None  # the source in words, for the record
    machine_note: str | None = None  # what else was true of the machine, for the record
    checkpoint: Path | None = None  # None: under runs/
    resume: bool = False

    @property
    def stem(self) -> str:
        """The name that weights, record and charts share."""
        return f"{self.name}-{self.version}"


def run(recipe: Recipe, options: RunOptions, console: Console) -> Evaluation:
    """Train and write ``<out>/<name>-<version>{.pt,.json,-curves.png,-confusion.png}``.

    Raises TrainingError before the first epoch if the source, or the checkpoint to resume, cannot be used.
    """
    if options.validation is not None:
        recipe = replace(recipe, validation=options.validation)
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    network_type = network_class(recipe.network)
    source = load_source(options.source, image_size=image_size(network_type))
    if options.class_names:
        source = rename_classes(source, options.class_names)
    trainer = _trainer(recipe, source, seed=options.seed)
    _announce(console, source, trainer)
    _train(trainer, source, options, console)
    evaluation = evaluate(predict(trainer.network, source.test.images, device=trainer.device), source.test.labels)
    _write(source, trainer, evaluation, options)
    line = f"test accuracy {evaluation.accuracy:.2%} of {evaluation.n:,} pictures; {options.out}/{options.stem}.pt"
    console.print(line, highlight=False, soft_wrap=True)
    return evaluation


def _trainer(recipe: Recipe, source: Source, *, seed: int) -> Trainer:
    train, validation = hold_out(source.train, share=recipe.validation, seed=seed)
    torch.manual_seed(seed)  # the network's first weights
    network = network_class(recipe.network)(len(source.class_names))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    held_out = validation if len(validation) else None
    return Trainer(network, recipe, train=train, validation=held_out, seed=seed, device=device)


def _announce(console: Console, source: Source, trainer: Trainer) -> None:
    held_out = len(trainer.validation) if trainer.validation else 0
    console.print(
        f"{source.description}: {len(source.class_names)} classes, {len(trainer.train):,} pictures to train on, "
        f"{held_out:,} held out for choosing, {len(source.test):,} for the test; "
        f"{trainer.recipe.network} on {trainer.device}",
        highlight=False,
        soft_wrap=True,
    )


def _train(trainer: Trainer, source: Source, options: RunOptions, console: Console) -> None:
    checkpoint = options.checkpoint or Path("runs") / f"{options.stem}.checkpoint.pt"
    identity: dict[str, Any] = {
        "recipe": asdict(trainer.recipe),
        "seed": trainer.seed,
        "pictures": source.fingerprint,
    }
    if options.resume:
        trainer.resume(checkpoint, identity=identity)
    display = TrainingDisplay(console, epochs=trainer.recipe.epochs, pictures=len(trainer.train))
    trainer.run(display, after_epoch=lambda: trainer.save(checkpoint, identity=identity))


def _write(source: Source, trainer: Trainer, evaluation: Evaluation, options: RunOptions) -> None:
    options.out.mkdir(parents=True, exist_ok=True)
    weights = options.out / f"{options.stem}.pt"
    torch.save({name: value.cpu() for name, value in trainer.network.state_dict().items()}, weights)
    record = {
        "model_name": options.name,
        "version": options.version,
        "network": trainer.recipe.network,
        "class_names": list(source.class_names),
        "test": evaluation_entry(evaluation, source.class_names),
        "data": data_entry(source, trainer, note=options.source_note),
        "training": training_entry(trainer, argv=sys.argv, note=options.machine_note),
        "weights": {
            "parameters": sum(each.numel() for each in trainer.network.parameters()),
            "bytes": weights.stat().st_size,
            "sha256": sha256_of(weights),
        },
    }
    write_record(options.out / f"{options.stem}.json", record)
    title = f"{options.name} {options.version} ({trainer.recipe.network})"
    draw_curves(
        options.out / f"{options.stem}-curves.png", trainer.progress, title=title, test_accuracy=evaluation.accuracy
    )
    draw_confusion(
        options.out / f"{options.stem}-confusion.png",
        evaluation.confusion,
        source.class_names,
        title=f"{title}: {evaluation.accuracy:.2%} of {evaluation.n:,} test pictures",
    )
