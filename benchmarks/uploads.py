"""The images of a load test: a random, seeded sample of the test images, and the answer to expect for each."""

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from serving.settings import PROJECT

TEST_IMAGES = PROJECT / "data" / "test"
TRAINING_IMAGES = PROJECT / "data" / "train"
SAMPLE_SIZE = 1000
SEED = 0


@dataclass(frozen=True)
class Sample:
    """Encoded images, each with its true class; `labels` is empty where nobody knows it."""

    jpegs: tuple[bytes, ...]
    labels: tuple[int, ...] = ()


@dataclass(frozen=True)
class Upload:
    """A JPEG, and the classes (indexes) that are a right answer to it.

    Right is what the same stack answers in process. These are two classes where a rounding decides between them.
    """

    jpeg: bytes
    expected: frozenset[int]


def sample_images(count: int = SAMPLE_SIZE, *, folder: Path = TEST_IMAGES, seed: int = SEED) -> Sample:
    """A random sample of labelled images, drawn without replacement; the same seed gives the same sample.

    Generated images without labels where there is no such folder.
    """
    files = labelled_files(folder)
    if not files:
        return Sample(tuple(generated_images(count)))
    chosen = random.Random(seed).sample(files, min(count, len(files)))
    return Sample(tuple(path.read_bytes() for path, _ in chosen), tuple(label for _, label in chosen))


def labelled_files(folder: Path = TEST_IMAGES) -> list[tuple[Path, int]]:
    """Every image of a folder `<class>/*.jpg` with the index of its class, by file name; none without a folder.

    Neighbours are of different classes, so the first N are N / classes of each.
    """
    files = [
        (path, label) for label, of_class in enumerate(sorted(folder.glob("*/"))) for path in of_class.glob("*.jpg")
    ]
    return sorted(files, key=lambda file: (file[0].name, file[1]))


def generated_images(count: int, *, size: int = 32) -> Iterator[bytes]:
    """Yield JPEGs of different textures, the same ones each time."""
    random_source = random.Random(0)
    for _ in range(count):
        cells = random_source.choice((2, 3, 4, 8))
        colours = bytes(random_source.randrange(256) for _ in range(cells * cells * 3))
        resample = random_source.choice((Image.Resampling.NEAREST, Image.Resampling.BICUBIC))
        yield encode_jpeg(Image.frombytes("RGB", (cells, cells), colours).resize((size, size), resample))


def encode_jpeg(image: Image.Image, *, quality: int = 90) -> bytes:
    """An image as JPEG; `quality` is of 100."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()
