"""Where pictures come from: CIFAR-10 through torchvision, or a folder tree ``DIR/{train,test}/<class>/*``.

Either way a whole source becomes two uint8 tensors. Everything that can be wrong with it is found here, before an
epoch is spent, and said in one sentence. Knows nothing about networks or training.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.error import URLError

import numpy as np
import torch
import torchvision
from PIL import Image
from torch import Tensor

from training.decoding import decode, fit
from training.errors import SourceError

CIFAR10 = "cifar10"

# The tutorial's names, in the order of CIFAR-10's labels.
CIFAR10_CLASS_NAMES = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True)
class LabelledImages:
    """Labelled images: ``images (N, 3, S, S) uint8`` and ``labels (N,) int64``."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: Tensor) -> "LabelledImages":
        """The images at ``index (M,) int64``, in that order."""
        return LabelledImages(self.images[index], self.labels[index])


@dataclass(frozen=True)
class Source:
    """A whole data set: its pictures, the names of its classes in label order, and where it came from."""

    train: LabelledImages
    test: LabelledImages
    class_names: tuple[str, ...]
    description: str

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all pixels and labels as decoded: the same pictures give the same string anywhere."""
        digest = hashlib.sha256()
        for part in (self.train, self.test):
            digest.update(part.images.numpy().tobytes())
            digest.update(part.labels.numpy().tobytes())
        return f"sha256:{digest.hexdigest()}"


def load_source(name: str, *, image_size: int, cache: Path = Path("data"), decoders: int | None = None) -> Source:
    """Load ``"cifar10"`` (kept under ``cache``, downloaded if need be) or a folder tree.

    ``decoders`` is how many processes decode the files; None means one a core.

    Raises SourceError where it is missing, empty, has one class, has files that are not pictures, or tests a class
    that it does not train.
    """
    if name == CIFAR10:
        return _load_cifar10(cache, image_size=image_size)
    return _load_folders(Path(name), image_size=image_size, decoders=decoders)


def rename_classes(source: Source, names: Sequence[str]) -> Source:
    """The same source under other class names, given in label order; raises SourceError if the count differs."""
    if len(names) != len(source.class_names) or len(set(names)) != len(names):
        raise SourceError(
            f"Class names given: {', '.join(names)}. Give {len(source.class_names)} different ones, "
            f"in the order of {', '.join(source.class_names)}."
        )
    return replace(source, class_names=tuple(names))


def hold_out(images: LabelledImages, *, fraction: float) -> tuple[LabelledImages, LabelledImages]:
    """Split off a random ``fraction`` (0 to 1) of every class: ``(training, validation)``.

    The split does not depend on a run's seed, so no teacher has been trained on its student's validation images.
    """
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(images), generator=generator)
    held = torch.zeros(len(images), dtype=torch.bool)
    for label in torch.unique(images.labels):
        members = order[images.labels[order] == label]
        held[members[: round(fraction * len(members))]] = True
    return images.take((~held).nonzero().flatten()), images.take(held.nonzero().flatten())


def _load_cifar10(cache: Path, *, image_size: int) -> Source:
    try:
        parts = [torchvision.datasets.CIFAR10(cache, train=train, download=True) for train in (True, False)]
    except (URLError, OSError, RuntimeError) as error:
        raise SourceError(
            f"CIFAR-10 is not under {cache} and could not be downloaded ({error}): "
            "connect this machine, or give a folder with --source DIR."
        ) from error
    train, test = (
        LabelledImages(
            torch.from_numpy(np.stack([fit(Image.fromarray(row), image_size) for row in part.data])),
            torch.tensor(part.targets),
        )
        for part in parts
    )
    return Source(train, test, CIFAR10_CLASS_NAMES, "CIFAR-10, lossless, through torchvision")


def _load_folders(root: Path, *, image_size: int, decoders: int | None) -> Source:
    if not root.is_dir():
        raise SourceError(f"There is no folder {root}: --source takes `{CIFAR10}`, or DIR with DIR/train/<class>/*.")
    train_files, test_files = (_files_by_class(root / part) for part in ("train", "test"))
    if len(train_files) < 2:
        raise SourceError(f"{root}/train has one class ({', '.join(train_files)}): classifying takes two or more.")
    if unknown := sorted(set(test_files) - set(train_files)):
        raise SourceError(
            f"{root}/test has classes that {root}/train lacks ({', '.join(unknown)}): add or remove them."
        )
    names = tuple(train_files)
    train, test = (_read(files, names, image_size=image_size, decoders=decoders) for files in (train_files, test_files))
    return Source(train, test, names, f"folder {root.name}")


def _files_by_class(folder: Path) -> dict[str, list[Path]]:
    """Class name to its files, both sorted; hidden files (``.DS_Store``) are passed over."""
    if not folder.is_dir():
        raise SourceError(f"There is no folder {folder}: pictures are looked for in {folder}/<class>/*.")
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not classes:
        raise SourceError(f"{folder} has no class folders: pictures are looked for in {folder}/<class>/*.")
    files = {
        each.name: sorted(path for path in each.iterdir() if path.is_file() and not path.name.startswith("."))
        for each in classes
    }
    if empty := [name for name, paths in files.items() if not paths]:
        raise SourceError(f"{folder}/{empty[0]} has no pictures: add some or remove the folder.")
    return files


def _read(
    files: dict[str, list[Path]], names: tuple[str, ...], *, image_size: int, decoders: int | None
) -> LabelledImages:
    paths = [path for each in files.values() for path in each]
    images = decode(paths, image_size=image_size, processes=decoders)
    labels = [names.index(name) for name, paths in files.items() for _ in paths]
    return LabelledImages(torch.from_numpy(images), torch.tensor(labels))
