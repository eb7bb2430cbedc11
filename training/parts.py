"""The parts of a source as export needs them: at the size that is served, in memory or on disk."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from training.evaluation import Labelled
from training.finetune_recipe import FineTuneRecipe
from training.image_store import ImageStore, default_workers
from training.networks import is_torchvision
from training.photo_folders import read_photo_folders
from training.photo_source import PhotoSource, Sides, open_photo_source
from training.recipes import Recipe
from training.record import Record
from training.sources import LabelledImages, Source, hold_out, load_source


@dataclass(frozen=True)
class Parts:
    """Training images, those held out of training (there may be none), and test images; for the rest see `Source`."""

    train: Labelled
    validation: Labelled
    test: Labelled
    description: str
    fingerprint: str


def parts_of(source: Source | PhotoSource, recipe: Recipe | FineTuneRecipe) -> Parts:
    """The parts of a source, split as a run of a recipe splits it."""
    if isinstance(source, PhotoSource):
        side = source.test.images.side
        train = source.train.at_side(side)
        return Parts(train, source.validation, source.test, source.description, source.fingerprint)
    assert isinstance(recipe, Recipe), "images in memory are trained on by the recipes"
    return in_memory_parts(source, validation_fraction=recipe.validation_fraction)


def load_parts(record: Record, source_name: str, *, image_size: int, console: Console) -> Parts:
    """The parts of the source that a network was trained on, read again and split as then.

    Raises SourceError where it cannot be read.
    """
    recipe = record["training"]["recipe"]
    if not is_torchvision(record["network"]):
        source = load_source(source_name, image_size=image_size)
        return in_memory_parts(source, validation_fraction=recipe["validation_fraction"])
    folders = read_photo_folders(
        Path(source_name),
        validation_fraction=recipe["validation_fraction"],
        test_fraction=recipe["test_fraction"],
        seed=recipe["split_seed"],
    )
    photos = open_photo_source(
        folders,
        sides=Sides(image_size, image_size),
        skip_broken=recipe["skip_broken"],
        cache=None,
        workers=default_workers(),
        console=console,
    )
    return Parts(photos.train, photos.validation, photos.test, photos.description, photos.fingerprint)


def in_memory_parts(source: Source, *, validation_fraction: float) -> Parts:
    """The parts of a source in memory."""
    train, validation = hold_out(source.train, fraction=validation_fraction)
    return Parts(train, validation, source.test, source.description, source.fingerprint)


def evenly_spaced(labelled: Labelled, count: int) -> LabelledImages:
    """At most ``count`` images as tensors, evenly spaced: of all classes, since a source is in their order."""
    step, images = max(1, -(-len(labelled) // count)), labelled.images
    spaced = images.every(count).stacked() if isinstance(images, ImageStore) else images[::step]
    return LabelledImages(spaced, labelled.labels[::step])
