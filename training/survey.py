"""Looks at every image file once before training: which are broken, how alike they are, and what was decoded."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import Dataset

from images.decode import decode_file
from images.errors import ImageError
from training.decoding import MAX_PIXELS
from training.errors import SourceError
from training.image_store import ImageStore, loader, pixel_file

NAMED = 20  # of the broken files, in a message
EMPTY_SHA256 = bytes(32)


class Found(NamedTuple):
    """One file: the SHA-256 of its bytes, its perceptual hash (64 bits), and what is wrong with it, if anything."""

    row: int
    sha256: bytes
    perceptual: int
    fault: str | None


@dataclass(frozen=True)
class Survey:
    """What was found in the files of one part of a source, in their order.

    ``sha256`` are digests, ``perceptual (N,) uint64`` perceptual hashes, ``faults`` sentences by row.
    """

    paths: tuple[Path, ...]
    sha256: list[bytes]
    perceptual: NDArray[np.uint64]
    faults: dict[int, str]

    @property
    def intact(self) -> NDArray[np.int64]:
        """The rows of the files that can be decoded."""
        return np.array([row for row in range(len(self.paths)) if row not in self.faults], np.int64)


class _Files(Dataset[Found]):
    """Decodes each file; what it decoded goes into the store's pixel file."""

    def __init__(self, store: ImageStore) -> None:
        self._store = store

    def __len__(self) -> int:
        return len(self._store.paths)

    def __getitem__(self, row: int) -> Found:
        path, store = self._store.paths[row], self._store
        try:
            content = path.read_bytes()
            pixels = decode_file(path, image_size=store.side, max_pixels=MAX_PIXELS)
        except ImageError as error:
            return Found(row, EMPTY_SHA256, 0, error.message)
        except OSError as error:
            return Found(row, EMPTY_SHA256, 0, f"cannot be read ({error.strerror})")
        if store.cache is not None:
            pixel_file(store.cache, store.paths, store.side, writable=True)[row] = pixels
        bits = imagehash.phash(Image.fromarray(pixels)).hash
        return Found(row, hashlib.sha256(content).digest(), int.from_bytes(np.packbits(bits).tobytes()), None)


def survey(store: ImageStore, *, done: Callable[[], Any]) -> Survey:
    """Look at every file of a store, and fill its cache where it has one; calls ``done`` after each."""
    if store.cache is not None:
        with store.cache.open("wb") as file:
            file.truncate(len(store.paths) * store.side**2 * 3)
    files = _Files(store)
    found: list[Found] = []
    for each in loader(files, workers=store.useful_workers(), batch_size=None, collate_fn=_unchanged):
        found.append(each)
        done()
    return Survey(
        store.paths,
        [each.sha256 for each in found],
        np.array([each.perceptual for each in found], np.uint64),
        {each.row: each.fault for each in found if each.fault},
    )


def broken_files(surveys: Sequence[Survey]) -> list[str]:
    """A sentence for each file that cannot be decoded."""
    return [f"{part.paths[row]}: {fault}" for part in surveys for row, fault in part.faults.items()]


def refuse_broken(surveys: Sequence[Survey]) -> None:
    """Raise SourceError that names the files that cannot be decoded, if there are any."""
    if broken := broken_files(surveys):
        total = sum(len(part.paths) for part in surveys)
        raise SourceError(
            f"{len(broken)} of {total:,} image files cannot be decoded:\n{listed(broken)}\n"
            "Replace them or take them out, or pass over them with --skip-broken."
        )


def listed(sentences: Sequence[str]) -> str:
    """One a line, not too many."""
    more = [f"  … and {len(sentences) - NAMED} more"] if len(sentences) > NAMED else []
    return "\n".join([*(f"  {each}" for each in sentences[:NAMED]), *more])


def _unchanged(found: Found) -> Found:
    return found
