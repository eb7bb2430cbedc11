"""Folders of any number of images for `benchmarks.scoring`: CIFAR-10's, repeated, some enlarged, some broken."""

import itertools
from pathlib import Path

from PIL import Image

from benchmarks.errors import BenchmarkError
from benchmarks.uploads import TEST_IMAGES, encode_jpeg, labelled_files

ENLARGED_EVERY = 20
ENLARGED = (320, 240)  # pixels
BROKEN_EVERY = 1000
DIFFERENT = 500  # enlarged images; more are links to them


def make_folder(folder: Path, count: int, *, enlarged: bool, broken: bool) -> Path:
    """Fill `<folder>/<class>/*.jpg` with links to the test images, as often as it takes.

    Args:
        count: how many images.
        enlarged: whether one in `ENLARGED_EVERY` is enlarged to `ENLARGED`.
        broken: whether one in `BROKEN_EVERY` is cut short.

    Raises:
        BenchmarkError: the test images are missing.
    """
    files = [path for path, _ in labelled_files(TEST_IMAGES)]
    if not files:
        raise BenchmarkError(f"the CIFAR-10 images are not in {TEST_IMAGES} (docs/guides/start.md)")
    large = _enlarged(files[:DIFFERENT], folder.with_name(f"{folder.name}-large")) if enlarged else []
    for index, source in zip(range(count), itertools.cycle(files), strict=False):
        target = folder / source.parent.name / f"{index:07}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        if broken and index % BROKEN_EVERY == 1:
            target.write_bytes(source.read_bytes()[:200])
        elif large and index % ENLARGED_EVERY == 0:
            target.hardlink_to(large[index // ENLARGED_EVERY % len(large)])
        else:
            target.symlink_to(source.resolve())
    return folder


def _enlarged(files: list[Path], folder: Path) -> list[Path]:
    folder.mkdir(parents=True)
    targets = [folder / f"{index}.jpg" for index in range(len(files))]
    for source, target in zip(files, targets, strict=True):
        target.write_bytes(encode_jpeg(Image.open(source).convert("RGB").resize(ENLARGED)))
    return targets
