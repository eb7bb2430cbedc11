"""One process that decodes and classifies images without a server, for in_process.py.

    python -m benchmarks.in_process_worker answers FOLDER     the class of each image, alone and in batches
    python -m benchmarks.in_process_worker rate FOLDER 4      images a second in batches, over 4 s

The benchmark's environment variables name the engine and its network; FOLDER holds the images, taken in the order of
their names. Standard output is one JSON document.
"""

import itertools
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from benchmarks.cascade import images_by_stage
from benchmarks.peers import environment_variables as variables
from benchmarks.peers.classifier import classifier_from_environment

BATCH_SIZE = 32


class AnyClassifier(Protocol):
    """What can be asked here."""

    def classes(self, images: Sequence[bytes]) -> list[int]:
        """The best class (index) of each encoded image."""
        ...

    def description(self) -> dict[str, Any]:
        """What the engine says of itself."""
        ...


def load_classifier() -> AnyClassifier:
    """The classifier that the environment names."""
    if os.environ[variables.ENGINE] != "project":
        return classifier_from_environment()
    from benchmarks.project_engine import ProjectClassifier

    return ProjectClassifier(Path(os.environ[variables.MODEL_DIR]), batch_size=BATCH_SIZE)


def answers(classifier: AnyClassifier, images: Sequence[bytes]) -> dict[str, Any]:
    """The best class of each image, in batches and alone: where these differ, a rounding decides.

    And how many of the images each stage of a cascade has answered.
    """
    before = images_by_stage(classifier.description())
    batched = [best for batch in in_batches(images) for best in classifier.classes(batch)]
    stages = [now - then for now, then in zip(images_by_stage(classifier.description()), before, strict=True)]
    return {"batched": batched, "alone": [classifier.classes([image])[0] for image in images], "stages": stages}


def rate(classifier: AnyClassifier, images: Sequence[bytes], *, seconds: float) -> dict[str, Any]:
    """Images a second in batches, after two batches of warm-up."""
    batches = [batch for batch in in_batches(images) if len(batch) == BATCH_SIZE] or [images]
    for batch in batches[:2]:
        classifier.classes(batch)
    began, count = time.perf_counter(), 0
    for batch in itertools.cycle(batches):
        count += len(classifier.classes(batch))
        elapsed_s = time.perf_counter() - began
        if elapsed_s >= seconds:
            return {"images_per_s": count / elapsed_s}
    raise AssertionError("a cycle of batches does not end")


def in_batches(images: Sequence[bytes]) -> list[Sequence[bytes]]:
    """The images in batches of `BATCH_SIZE`; the last may be smaller."""
    return [images[start : start + BATCH_SIZE] for start in range(0, len(images), BATCH_SIZE)]


def main(command: str, folder: str, seconds: str = "0") -> None:
    """Print the result of one command."""
    classifier = load_classifier()
    images = [file.read_bytes() for file in sorted(Path(folder).iterdir())]
    if command == "answers":
        found = answers(classifier, images) | {"description": classifier.description()}
    else:
        found = rate(classifier, images, seconds=float(seconds))
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
