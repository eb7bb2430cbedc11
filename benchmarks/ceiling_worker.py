"""One process of the ceiling: what the handler does to pictures, without a server around it.

It runs with handler/ on its path, as the files of an archive do.

python -m benchmarks.ceiling_worker FOLDER SECONDS    the folder's pictures are named <number>-<class>.jpg
"""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.errors import BenchmarkError
from benchmarks.peers import variables
from benchmarks.peers.classifier import Classifier
from engine.malloc import keep_freed_memory
from engine.network import set_up_threads
from engine.precision import in_precision
from images.decode import decode_image

BATCH_SIZE = 32
MAX_PIXELS = 25_000_000


def measure(folder: Path, *, seconds: float) -> float:
    """Return pictures a second of this process alone, after two batches to warm up."""
    classifier = packed_classifier(Path(os.environ[variables.RECORD]), precision=os.environ[variables.PRECISION])
    files = sorted(folder.iterdir())
    batches = [
        [(path.read_bytes(), int(path.stem.partition("-")[2])) for path in files[start : start + BATCH_SIZE]]
        for start in range(0, len(files) - BATCH_SIZE + 1, BATCH_SIZE)
    ]
    for batch in batches[:2]:
        classify(classifier, batch)
    began, count = time.perf_counter(), 0
    while (elapsed_s := time.perf_counter() - began) < seconds:
        classify(classifier, batches[count % len(batches)])
        count += 1
    return count * BATCH_SIZE / elapsed_s


def packed_classifier(record: Path, *, precision: str) -> Classifier:
    """Load a network as the handler does, for one thread."""
    set_up_threads()
    keep_freed_memory()
    classifier = Classifier(record)  # no autocast around it: the packed network has its own
    pixels = torch.zeros(BATCH_SIZE, 3, classifier.image_size, classifier.image_size, dtype=torch.uint8)
    classifier.network = in_precision(classifier.network, pixels, precision=precision)
    return classifier


def classify(classifier: Classifier, batch: Sequence[tuple[bytes, int]]) -> None:
    """Decode and classify a batch.

    Raises:
        BenchmarkError: a class is not the one expected.
    """
    size = classifier.image_size
    stacked = np.stack([decode_image(jpeg, image_size=size, max_pixels=MAX_PIXELS) for jpeg, _ in batch])
    named = classifier.probabilities(torch.from_numpy(stacked).permute(0, 3, 1, 2).unbind()).argmax(dim=1)
    if named.tolist() != [expected for _, expected in batch]:
        raise BenchmarkError(f"the ceiling named {named.tolist()}; expected {[expected for _, expected in batch]}")


if __name__ == "__main__":
    sys.stdout.write(str(measure(Path(sys.argv[1]), seconds=float(sys.argv[2]))))
