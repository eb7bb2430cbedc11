"""A folder of photographs as a source of images: looked at once, kept decoded where that fits, else read again."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from training.errors import SourceError
from training.image_store import ImageStore
from training.near_duplicates import near_duplicates, remark
from training.photo_folders import Files, PhotoFolders
from training.survey import Survey, broken_files, listed, refuse_broken, survey


@dataclass(frozen=True)
class LabelledFiles:
    """Images on disk and their ``labels (N,) int64``."""

    images: ImageStore
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: Tensor) -> "LabelledFiles":
        """The images at ``index (M,) int64``, in that order."""
        return LabelledFiles(self.images.take(index), self.labels[index])

    def at_side(self, side: int) -> "LabelledFiles":
        """The same images as squares of another side, decoded each time."""
        return replace(self, images=replace(self.images, side=side, cache=None))


@dataclass(frozen=True)
class PhotoSource:
    """A whole data set on disk; for the names see `training.sources.Source`.

    ``fingerprint`` is the SHA-256 of the digests of all files and their labels.
    """

    train: LabelledFiles
    validation: LabelledFiles
    test: LabelledFiles
    class_names: tuple[str, ...]
    folder_names: tuple[str, ...]
    description: str
    remarks: tuple[str, ...]
    fingerprint: str


class Sides(NamedTuple):
    """Sides of the squares that training images and all others are decoded to, in pixels."""

    train: int
    served: int


def open_photo_source(
    folders: PhotoFolders, *, sides: Sides, skip_broken: bool, cache: Path | None, workers: int, console: Console
) -> PhotoSource:
    """Look at every file of some folders.

    Args:
        folders: which files, in which part.
        sides: what they are decoded to.
        skip_broken: whether to pass over those that cannot be decoded.
        cache: a folder for what is decoded; None decodes each time anew.
        workers: how many processes decode, where that pays.
        console: for the progress.

    Raises:
        SourceError: some cannot be decoded and are not to be passed over, or a class has no image left.
    """
    named = {"train": folders.train, "validation": folders.validation, "test": folders.test}
    stores = {
        name: ImageStore.of(
            files.paths,
            side=sides.train if name == "train" else sides.served,
            cache=cache / name if cache and files.paths else None,
            workers=workers,
        )
        for name, files in named.items()
    }
    surveys = _surveys(stores, console=console)
    if not skip_broken:
        refuse_broken(list(surveys.values()))
    parts = {name: _intact(stores[name], files, surveys[name]) for name, files in named.items()}
    _check_classes(parts["train"], folders.class_names)
    return PhotoSource(
        **parts,
        class_names=folders.class_names,
        folder_names=folders.class_names,
        description=folders.description,
        remarks=(*folders.remarks, *_remarks(surveys)),
        fingerprint=_fingerprint(parts, surveys),
    )


def _surveys(stores: dict[str, ImageStore], *, console: Console) -> dict[str, Survey]:
    total = sum(len(store) for store in stores.values())
    with Progress(console=console, disable=console.quiet, transient=True) as progress:
        task = progress.add_task(f"looking at {total:,} image files", total=total)
        return {name: survey(store, done=lambda: progress.advance(task)) for name, store in stores.items()}


def _intact(store: ImageStore, files: Files, found: Survey) -> LabelledFiles:
    return LabelledFiles(store, torch.tensor(files.labels, dtype=torch.int64)).take(torch.from_numpy(found.intact))


def _check_classes(train: LabelledFiles, class_names: Sequence[str]) -> None:
    counts = torch.bincount(train.labels, minlength=len(class_names)).tolist()
    if empty := [name for name, count in zip(class_names, counts, strict=True) if not count]:
        raise SourceError(f"No image of {', '.join(empty)} is left to train on: add some or remove the folder.")


def _remarks(surveys: dict[str, Survey]) -> list[str]:
    broken = broken_files(list(surveys.values()))
    remarks = [f"{len(broken)} image files cannot be decoded and are passed over:\n{listed(broken)}"] if broken else []
    for held in ("validation", "test"):
        if found := remark(near_duplicates(surveys[held], surveys["train"]), held=held):
            remarks.append(f"warning: {found}")
    return remarks


def _fingerprint(parts: dict[str, LabelledFiles], surveys: dict[str, Survey]) -> str:
    digest = hashlib.sha256()
    for name, part in parts.items():
        for row, label in zip(part.images.rows.tolist(), part.labels.tolist(), strict=True):
            digest.update(surveys[name].sha256[row])
            digest.update(np.int64(label).tobytes())
    return f"sha256:{digest.hexdigest()}"
