"""A cascade: each stage computes again what the stage before it was least certain of.

Images differ in difficulty. A small network answers most of them, a large one the rest (Viola and Jones, 2001; Wang et
al., "IDK Cascades", arXiv 1706.00885). The same rule keeps quantized networks right: an int8 answer with a small top-2
margin is computed again in float32. A network alone is a cascade of one stage.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.margins import top2_margins


class Network(Protocol):
    """Something that classifies a batch."""

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Class probabilities (N, classes) float32, in [0, 1], of N >= 1 RGB images (N, S, S, 3) uint8."""
        ...


class Answers(NamedTuple):
    """Probabilities (N, classes) float32, and the index (N,) uint8 of the stage that each row was answered by."""

    probabilities: NDArray[np.float32]
    stages: NDArray[np.uint8]


@dataclass(frozen=True)
class CascadeStage:
    """A network in its place; for `min_margin` and `temperature` see `engine.metadata.Stage`.

    Attributes:
        kept: share, in [0, 1), of the answer of the stage before in this stage's: it has seen one of the views already.
    """

    name: str
    precision: str
    network: Network
    min_margin: float = 0.0
    temperature: float = 1.0
    kept: float = 0.0


class Cascade:
    """Classifies images of one size by its stages, one forward pass a stage and batch. For one thread.

    Args:
        stages: in the order in which they are asked.
        image_size: side of the images in pixels.
        backend: what computes, in words: for the description.
    """

    def __init__(self, stages: Sequence[CascadeStage], *, image_size: int, backend: str) -> None:
        self.image_size = image_size
        self.stages = tuple(stages)
        self._backend = backend
        self._answered = np.zeros(len(self.stages), np.int64)

    def answer(self, pixels: NDArray[np.uint8]) -> Answers:
        """Answers to N >= 1 RGB images (N, S, S, 3) uint8.

        Raises:
            RuntimeError: a stage could not compute its rows; then the batch has no answer.
        """
        probabilities = self.stages[0].network.probabilities(pixels)
        answered_by = np.zeros(len(pixels), np.uint8)
        uncertain = _below_margin(probabilities, self.stages[0])
        for index, stage in enumerate(self.stages[1:], start=1):
            if not len(uncertain):
                break
            answers = stage.network.probabilities(pixels[uncertain])
            if stage.kept:
                answers = stage.kept * probabilities[uncertain] + (1 - stage.kept) * answers
            probabilities[uncertain], answered_by[uncertain] = answers, index
            uncertain = uncertain[_below_margin(answers, stage)]
        self._answered += np.bincount(answered_by, minlength=len(self.stages))
        self._calibrate(probabilities, answered_by)
        return Answers(probabilities, answered_by)

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Class probabilities (N, classes) float32, in [0, 1]; see `answer`."""
        return self.answer(pixels).probabilities

    def description(self) -> dict[str, Any]:
        """What the management API says of it: JSON values by name; `images` counts what each stage has answered."""
        return {
            "engine": self._backend,
            "precision": self.stages[0].precision,
            "stages": [
                {"name": stage.name, "precision": stage.precision, "min_margin": stage.min_margin, "images": answered}
                for stage, answered in zip(self.stages, self._answered.tolist(), strict=True)
            ],
        }

    def _calibrate(self, probabilities: NDArray[np.float32], answered_by: NDArray[np.uint8]) -> None:
        """Divide the logits of each row by the temperature of its stage, in place."""
        for index, stage in enumerate(self.stages):
            rows = answered_by == index
            if stage.temperature != 1 and rows.any():
                probabilities[rows] = with_temperature(probabilities[rows], stage.temperature)


def with_temperature(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Probabilities (N, classes) float32 whose logits are divided by `temperature` (arXiv 1706.04599)."""
    powers = probabilities ** (1 / temperature)
    scaled: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return scaled


def _below_margin(probabilities: NDArray[np.float32], stage: CascadeStage) -> NDArray[np.intp]:
    """The rows whose answer does not stand."""
    if not stage.min_margin:
        return np.empty(0, np.intp)
    return np.flatnonzero(top2_margins(probabilities) < stage.min_margin)
