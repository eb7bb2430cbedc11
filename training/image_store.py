"""Images that stay on disk and are decoded when they are asked for, as serving decodes them; kept decoded if they fit.

A source of 100,000 photographs so takes no more memory than a batch. What is kept lies in one file of pixels that is
mapped into memory, which several processes share and the system may drop from memory at any time.
"""

import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from images.decode import Pixels, decode_file
from training.decoding import MAX_PIXELS

MIN_BYTES_FOR_WORKERS = 100_000_000  # of files; below, starting processes takes longer than they save
MAX_WORKERS = 16


@dataclass(frozen=True)
class ImageStore(Dataset[Tensor]):
    """Images ``(N, 3, side, side) uint8``: the files of ``paths`` at ``rows``, in that order.

    ``cache`` is a file of pixels ``(len(paths), side, side, 3) uint8``, None where they are decoded each time, by
    ``workers`` processes (0: by this one).
    """

    paths: tuple[Path, ...]
    rows: NDArray[np.int64]
    side: int
    cache: Path | None = None
    workers: int = 0

    @classmethod
    def of(cls, paths: Sequence[Path], *, side: int, cache: Path | None = None, workers: int = 0) -> "ImageStore":
        """All images of some files."""
        return cls(tuple(paths), np.arange(len(paths)), side, cache, workers)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """That of the tensor that it stands for."""
        return len(self.rows), 3, self.side, self.side

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, index: Tensor) -> "ImageStore":
        """The images at ``index (M,) int64``, in that order."""
        return replace(self, rows=self.rows[index.numpy()])

    def every(self, count: int) -> "ImageStore":
        """At most ``count`` of them, evenly spaced."""
        return replace(self, rows=self.rows[:: -(-len(self.rows) // count)])

    def decode(self, index: int) -> Pixels:
        """One image ``(side, side, 3)``; raises ImageError or OSError as `images.decode.decode_file`."""
        row = int(self.rows[index])
        if self.cache is not None:
            return np.array(pixel_file(self.cache, self.paths, self.side)[row])
        return np.array(decode_file(self.paths[row], image_size=self.side, max_pixels=MAX_PIXELS))

    def batches(self, size: int) -> Iterator[Tensor]:
        """The images as tensors ``(n, 3, side, side) uint8``, n being ``size`` or what is left."""
        yield from loader(self, workers=self.useful_workers() if self.cache is None else 0, batch_size=size)

    def useful_workers(self) -> int:
        """How many processes decode the files faster than this one alone: none where they are small and few."""
        size = sum(self.paths[row].stat().st_size for row in self.rows if self.paths[row].exists())
        return self.workers if size > MIN_BYTES_FOR_WORKERS else 0

    def __getitem__(self, index: int) -> Tensor:
        """One image ``(3, side, side) uint8``."""
        return torch.from_numpy(self.decode(index)).permute(2, 0, 1)

    def stacked(self) -> Tensor:
        """All of them as one tensor; for a few hundred."""
        return torch.cat(list(self.batches(256)))


def pixel_file(path: Path, paths: tuple[Path, ...], side: int, *, writable: bool = False) -> Pixels:
    """The decoded images ``(len(paths), side, side, 3) uint8`` in a file, mapped into memory."""
    return np.memmap(path, np.uint8, "r+" if writable else "r", shape=(len(paths), side, side, 3))


def loader(dataset: Dataset[Any], *, workers: int, **options: Any) -> DataLoader[Any]:
    """What loads a data set in ``workers`` processes, each of which imports what it needs by itself.

    A forked one would carry the threads' locks of torch and OpenVINO, held or not.
    """
    context: dict[str, Any] = {}
    if workers:
        context = {"multiprocessing_context": "forkserver", "persistent_workers": True, "worker_init_fn": _watch_parent}
    return DataLoader(dataset, num_workers=workers, **context, **options)


def _watch_parent(_worker: int) -> None:
    """End this process with the one that it loads for, however that ends.

    torch looks for the parent's process id, which is the fork server's, and that waits for its children
    (findings/torch-forkserver-workers.sh).
    """
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker has been started by somebody"

    def end() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()


def default_workers() -> int:
    """One a core, up to a number that no disk outruns."""
    return min(MAX_WORKERS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
