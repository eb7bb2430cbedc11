"""The uploads, each with the class that the network itself names: what every answer is held against."""

import io
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from benchmarks.errors import BenchmarkError
from benchmarks.peers.classifier import Classifier
from serving.settings import PROJECT

TEST_PICTURES = PROJECT / "data" / "test"
CLEAR_LEAD = 0.1  # of the best class before the next: no rounding in half precision turns such an answer over
BATCH_SIZE = 64


@dataclass(frozen=True)
class Picture:
    """An encoded JPEG, and the index of the class to expect."""

    jpeg: bytes
    expected: int


def read_pictures(record: Path, *, count: int = 320, folder: Path = TEST_PICTURES) -> list[Picture]:
    """Return `count` different pictures, as many of each class as can be had, classes in turn.

    They are CIFAR-10's where it has been unpacked, else generated ones.

    Raises:
        BenchmarkError: the network names but one class for all of them.
    """
    jpegs = [path.read_bytes() for path, _ in labelled_files(6 * count, folder=folder)] or list(generated(6 * count))
    clear = classified(Classifier(record), jpegs)
    by_class = [[picture for picture in clear if picture.expected == index] for index in range(1000)]
    by_class = [pictures for pictures in by_class if pictures]
    if len(by_class) < 2:
        raise BenchmarkError(f"{record} names one class for every picture; wrong answers could not be told from right")
    in_turn = sorted(
        (index, picture.expected, picture) for pictures in by_class for index, picture in enumerate(pictures)
    )
    return [picture for _, _, picture in in_turn[:count]]


def labelled_files(count: int, *, folder: Path = TEST_PICTURES) -> list[tuple[Path, int]]:
    """Return the first pictures of each class in turn, with their true class; none where there is no such folder."""
    classes = sorted(folder.glob("*/"))
    files = [(path, label) for label, of_class in enumerate(classes) for path in of_class.glob("*.jpg")]
    return sorted(files, key=lambda file: (file[0].name, file[1]))[:count]


def classified(classifier: Classifier, jpegs: Sequence[bytes]) -> list[Picture]:
    """Return those pictures whose class is clear, with that class."""
    pictures = []
    for start in range(0, len(jpegs), BATCH_SIZE):
        batch = jpegs[start : start + BATCH_SIZE]
        probabilities, classes = classifier.probabilities([classifier.decode(jpeg) for jpeg in batch]).topk(2, dim=1)
        clear = torch.flatten(probabilities[:, 0] - probabilities[:, 1] >= CLEAR_LEAD).tolist()
        best = classes[:, 0].tolist()
        pictures += [Picture(jpeg, index) for jpeg, index, sure in zip(batch, best, clear, strict=True) if sure]
    return pictures


def generated(count: int, *, size: int = 32) -> Iterator[bytes]:
    """Yield JPEGs of different textures, the same ones each time."""
    chance = random.Random(0)
    for _ in range(count):
        cells = chance.choice((2, 3, 4, 8))
        colours = bytes(chance.randrange(256) for _ in range(cells * cells * 3))
        smooth = chance.choice((Image.Resampling.NEAREST, Image.Resampling.BICUBIC))
        yield encoded(Image.frombytes("RGB", (cells, cells), colours).resize((size, size), smooth))


def encoded(picture: Image.Image, *, quality: int = 90) -> bytes:
    """Return a picture as JPEG."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()
