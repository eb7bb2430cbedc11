"""Which files of a folder are trained on, which select the epoch, which test: two trees, or one that is split.

DIR/train/<class>/* and DIR/test/<class>/*: validation images are held out of the first. DIR/<class>/*: both are held
out, each a share of every class, by a seed. Only names are looked at here, no file is opened.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from training.errors import SourceError
from training.folders import ImageFolder, read_folder

PARTS = ("train", "test")
MIN_TO_SPLIT = 3  # of a class: with fewer images nothing of it is held out


@dataclass(frozen=True)
class Files:
    """Image files and their labels, in the order of the classes."""

    paths: list[Path]
    labels: list[int]


@dataclass(frozen=True)
class PhotoFolders:
    """The files of each part, and sentences for the user."""

    train: Files
    validation: Files
    test: Files
    class_names: tuple[str, ...]
    description: str
    remarks: tuple[str, ...]


def read_photo_folders(root: Path, *, validation_fraction: float, test_fraction: float, seed: int) -> PhotoFolders:
    """The parts of a folder; the fractions (0 to 1) are held out of every class, by ``seed``.

    Raises SourceError where there is no such folder, it has no classes or only one, or it tests others than it trains.
    """
    if not root.is_dir():
        raise SourceError(
            f"There is no folder {root}: images lie in DIR/<class>/*, or in DIR/train/<class>/* and DIR/test/<class>/*."
        )
    if not any((root / part).is_dir() for part in PARTS):
        return _one_tree(root, validation_fraction=validation_fraction, test_fraction=test_fraction, seed=seed)
    train, test = (read_folder(root / part) for part in PARTS)
    if unknown := sorted(set(test.files) - set(train.files)):
        raise SourceError(
            f"{root}/test has classes that {root}/train lacks ({', '.join(unknown)}): add, rename or remove them."
        )
    names = _class_names(train)
    kept, validation = split(_files(train, names), fraction=validation_fraction, seed=seed)
    remarks = [part.remark for part in (train, test) if part.remark]
    if untested := [name for name in names if name not in test.files]:
        remarks.append(f"{root}/test has no images of {', '.join(untested)}: the test says nothing about those")
    return PhotoFolders(kept, validation, _files(test, names), names, f"folder {root.name}", tuple(remarks))


def _one_tree(root: Path, *, validation_fraction: float, test_fraction: float, seed: int) -> PhotoFolders:
    folder = read_folder(root)
    names = _class_names(folder)
    rest, test = split(_files(folder, names), fraction=test_fraction, seed=seed)
    kept, validation = split(rest, fraction=validation_fraction / (1 - test_fraction), seed=seed + 1)
    if not test.paths:
        raise SourceError(
            f"Nothing of {root} is held out to test with: give DIR/train and DIR/test, more than two images a "
            "class, or --test-fraction above 0."
        )
    remarks = [folder.remark] if folder.remark else []
    remarks.append(
        f"{root} is one tree, split by seed {seed}: {test_fraction:.0%} of every class to test, "
        f"{validation_fraction:.0%} for validation"
    )
    return PhotoFolders(kept, validation, test, names, f"folder {root.name}", tuple(remarks))


def _class_names(folder: ImageFolder) -> tuple[str, ...]:
    if len(folder.files) < 2:
        raise SourceError(f"{folder.folder} has one class ({', '.join(folder.files)}): classifying takes two or more.")
    return tuple(folder.files)


def _files(folder: ImageFolder, names: Sequence[str]) -> Files:
    return Files(
        [path for paths in folder.files.values() for path in paths],
        [names.index(name) for name, paths in folder.files.items() for _ in paths],
    )


def split(files: Files, *, fraction: float, seed: int) -> tuple[Files, Files]:
    """Hold out a random ``fraction`` of every class, at least one image where it has three: ``(rest, held out)``."""
    labels = torch.tensor(files.labels)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    held = torch.zeros(len(labels), dtype=torch.bool)
    for label in torch.unique(labels):
        members = order[labels[order] == label]
        count = round(fraction * len(members))
        if fraction and len(members) >= MIN_TO_SPLIT:
            count = max(1, count)
        held[members[:count]] = True
    return _take(files, ~held), _take(files, held)


def _take(files: Files, mask: torch.Tensor) -> Files:
    rows = mask.nonzero().flatten().tolist()
    return Files([files.paths[row] for row in rows], [files.labels[row] for row in rows])
