"""Where images come from: CIFAR-10 through torchvision, or a folder tree ``DIR/{train,test}/<class>/*``.

Either way a whole source becomes two uint8 tensors. Everything that can be wrong with it is found here, before an
epoch is spent, and said in one sentence. Knows nothing about networks or training.
"""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.error import URLError

import numpy as np
import torch
import torchvision
from PIL import Image
from torch import Tensor

from images.decode import Pixels, decode_image
from training.decoding import decode_files
from training.errors import SourceError
from training.folders import ImageFolder, read_folder

CIFAR10 = "cifar10"

# The tutorial's names, in the order of CIFAR-10's labels.
CIFAR10_CLASS_NAMES = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True)
class LabelledImages:
    """``images (N, 3, S, S) uint8`` and their ``labels (N,) int64``."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: Tensor) -> "LabelledImages":
        """The images at ``index (M,) int64``, in that order."""
        return LabelledImages(self.images[index], self.labels[index])


@dataclass(frozen=True)
class Source:
    """A whole data set.

    ``folder_names`` are the classes as the source calls them, ``class_names`` as the model does, both in label order;
    they differ where the user gave other names. ``remarks`` are sentences for the user: what was passed over.
    """

    train: LabelledImages
    test: LabelledImages
    class_names: tuple[str, ...]
    folder_names: tuple[str, ...]
    description: str
    remarks: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all pixels and labels as decoded: the same images give the same string anywhere."""
        digest = hashlib.sha256()
        for part in (self.train, self.test):
            digest.update(part.images.numpy().tobytes())
            digest.update(part.labels.numpy().tobytes())
        return f"sha256:{digest.hexdigest()}"


def load_source(name: str, *, image_size: int, cache: Path = Path("data"), decoders: int | None = None) -> Source:
    """Load ``"cifar10"`` (kept under ``cache``, downloaded if need be) or a folder tree.

    ``decoders`` is how many processes decode the files; None means one a core.

    Raises SourceError where it is missing, empty, has one class, has images that cannot be decoded, or tests a class
    that it does not train.
    """
    if name == CIFAR10:
        return _load_cifar10(cache, image_size=image_size)
    return _load_folders(Path(name), image_size=image_size, decoders=decoders)


def rename_classes(source: Source, names: Sequence[str]) -> Source:
    """The same source under other class names, given in label order; raises SourceError if the count differs."""
    return replace(source, class_names=checked_class_names(",".join(names), source.class_names))


def checked_class_names(given: str | None, known: tuple[str, ...]) -> tuple[str, ...]:
    """The class names that a user gave in label order, separated by commas, or else those of the source.

    Raises SourceError if the count differs, or two are the same.
    """
    if given is None:
        return known
    names = tuple(given.split(","))
    if len(names) != len(known) or len(set(names)) != len(names) or not all(names):
        raise SourceError(
            f"Class names given: {', '.join(names)}. Give {len(known)} different ones, in the order of "
            f"{', '.join(known)}."
        )
    return names


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
            torch.from_numpy(np.stack([_fit(row, image_size=image_size).transpose(2, 0, 1) for row in part.data])),
            torch.tensor(part.targets),
        )
        for part in parts
    )
    names = CIFAR10_CLASS_NAMES
    return Source(train, test, names, names, "CIFAR-10, lossless, through torchvision")


def _fit(pixels: Pixels, *, image_size: int) -> Pixels:
    """``(H, W, 3) uint8`` to ``(image_size, image_size, 3)``, resized as a lossless file of it would be."""
    if pixels.shape[:2] == (image_size, image_size):
        return pixels
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return decode_image(file.getvalue(), image_size=image_size)


def _load_folders(root: Path, *, image_size: int, decoders: int | None) -> Source:
    if not root.is_dir():
        raise SourceError(
            f"There is no folder {root}: `--source {CIFAR10}` downloads CIFAR-10; images of your own lie in "
            "DIR/train/<class>/ and DIR/test/<class>/, given by --source DIR."
        )
    train, test = (read_folder(root / part) for part in ("train", "test"))
    if len(train.files) < 2:
        raise SourceError(f"{root}/train has one class ({', '.join(train.files)}): classifying takes two or more.")
    if unknown := sorted(set(test.files) - set(train.files)):
        raise SourceError(
            f"{root}/test has classes that {root}/train lacks ({', '.join(unknown)}): add, rename or remove them."
        )
    names = tuple(train.files)
    remarks = [part.remark for part in (train, test) if part.remark]
    if untested := [name for name in names if name not in test.files]:
        remarks.append(f"{root}/test has no images of {', '.join(untested)}: the test says nothing about those")
    return Source(
        _decoded(train, names, image_size=image_size, decoders=decoders),
        _decoded(test, names, image_size=image_size, decoders=decoders),
        class_names=names,
        folder_names=names,
        description=f"folder {root.name}",
        remarks=tuple(remarks),
    )


def _decoded(folder: ImageFolder, names: Sequence[str], *, image_size: int, decoders: int | None) -> LabelledImages:
    paths = [path for each in folder.files.values() for path in each]
    images = decode_files(paths, image_size=image_size, processes=decoders)
    labels = [names.index(name) for name, paths in folder.files.items() for _ in paths]
    return LabelledImages(torch.from_numpy(images), torch.tensor(labels))
