"""Augmentation of photographs, by torchvision's transforms: on single uint8 images, in the processes that decode.

The draw for an image depends on the seed, the epoch and the image alone, so a resumed run repeats an uninterrupted one.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import v2

from training.photo_source import LabelledFiles

AugmentationName = Literal["photographs", "oriented", "none"]
MARGIN = 8 / 7  # training images are decoded this much larger than they are served, to crop from: 256 for 224


class Drawn(NamedTuple):
    """Which image, in which epoch."""

    epoch: int
    image: int


def augmentation(name: AugmentationName, *, image_size: int) -> v2.Transform:
    """From an image ``(3, T, T) uint8`` to ``(3, S, S) uint8``.

    `photographs`: a crop of half to all of the area, mirrored, colours shifted, at times a rectangle erased.
    `oriented`: for text, documents, parts with a left and a right: not mirrored, at least four fifths of the area.
    `none`: the central square.
    """
    if name == "none":
        return v2.Resize((image_size, image_size), antialias=True)
    colours = v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2)
    if name == "oriented":
        return v2.Compose([v2.RandomResizedCrop(image_size, scale=(0.8, 1.0), antialias=True), colours])
    return v2.Compose(
        [
            v2.RandomResizedCrop(image_size, scale=(0.5, 1.0), antialias=True),
            v2.RandomHorizontalFlip(),
            colours,
            v2.RandomErasing(p=0.1),
        ]
    )


class AugmentedImages(Dataset[tuple[Tensor, Tensor]]):
    """Augmented training images and their labels, by `Drawn`."""

    def __init__(self, labelled: LabelledFiles, transform: v2.Transform, *, seed: int) -> None:
        self._labelled = labelled
        self._transform = transform
        self._seed = seed

    def __len__(self) -> int:
        return len(self._labelled)

    def __getitem__(self, drawn: Drawn) -> tuple[Tensor, Tensor]:
        image = self._labelled.images[drawn.image]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(hash((self._seed, *drawn)) & 0x7FFF_FFFF_FFFF_FFFF)
            return self._transform(image), self._labelled.labels[drawn.image]


class Batches:
    """The batches of an epoch as lists of `Drawn`, of this process's share; torch asks for them anew each epoch."""

    def __init__(self) -> None:
        self.of_epoch: list[list[Drawn]] = []

    def __iter__(self) -> Iterator[list[Drawn]]:
        return iter(self.of_epoch)

    def __len__(self) -> int:
        return len(self.of_epoch)
