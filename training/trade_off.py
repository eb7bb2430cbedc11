"""What the thresholds of a cascade cost and how good they are, on validation images."""

import csv
import itertools
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.cascade import with_temperature
from engine.margins import SMALLEST, top2_margins
from training.errors import WeightsError

Probabilities = NDArray[np.float32]

LARGE_FRACTIONS = tuple(round(step * 0.05, 2) for step in range(1, 13))  # of the images, given to the large network
VIEWS = 4  # of an image: itself, which the large network has answered already, mirrored, and both shifted by a pixel
VIEWS_FRACTIONS = (0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1)  # of the images, answered from all their views
TEMPERATURES = np.geomspace(0.5, 2.0, 57)
FEWEST_FOR_TEMPERATURE = 100  # validation images of a stage; fewer leave its answers as they are


@dataclass(frozen=True)
class Point:
    """One choice of thresholds: what it costs and how good it is on the validation images."""

    large_fraction: float
    views_fraction: float
    small_margin: float
    large_margin: float
    cost: float  # of the large network alone, 1 for all images
    accuracy: float
    expected_accuracy: float


def trade_off(
    answers: tuple[Probabilities, Probabilities, Probabilities], labels: NDArray[np.int64], *, small_cost: float
) -> list[Point]:
    """Every choice of thresholds, from the probabilities (N, classes) of small, large, and large with `VIEWS` views.

    `accuracy` counts right answers. `expected_accuracy` is the mean probability that the best of the three, calibrated,
    gives to the answers: an image near a threshold counts in part, so 2,000 images decide in finer steps than 0.05 %.
    """
    classes = [each.argmax(axis=1) for each in answers]
    best = with_temperature(answers[2], fit_temperature(answers[2], labels))
    rows = np.arange(len(labels))
    margins = [top2_margins(each) for each in answers[:2]]
    points = []
    for large_fraction, views_fraction in itertools.product(LARGE_FRACTIONS, VIEWS_FRACTIONS):
        if views_fraction > large_fraction:
            continue
        small_margin = float(np.quantile(margins[0], large_fraction))
        goes_on = margins[0] < small_margin
        share = min(1.0, views_fraction / max(goes_on.mean(), 1e-9))
        large_margin = float(np.quantile(margins[1][goes_on], share)) if views_fraction and goes_on.any() else 0.0
        viewed = goes_on & (margins[1] < large_margin)
        chosen = np.where(viewed, classes[2], np.where(goes_on, classes[1], classes[0]))
        cost = small_cost + goes_on.mean() + (VIEWS - 1) * viewed.mean()
        accuracies = (float((chosen == labels).mean()), float(best[rows, chosen].mean()))
        points.append(Point(large_fraction, views_fraction, small_margin, large_margin, float(cost), *accuracies))
    return points


def best_within(points: list[Point], *, max_cost: float) -> Point:
    """The choice of the highest expected accuracy that costs at most `max_cost`; of equal ones the cheapest.

    Raises:
        WeightsError: each costs more.
    """
    affordable = [point for point in points if point.cost <= max_cost]
    if not affordable:
        cheapest = min(point.cost for point in points)
        raise WeightsError(
            f"No cascade of these costs {max_cost:.2f} of the large network or less: give {cheapest:.2f}."
        )
    return max(affordable, key=lambda point: (point.expected_accuracy, -point.cost))


def fit_temperature(probabilities: Probabilities, labels: NDArray[np.int64]) -> float:
    """The divisor of the logits with the least cross entropy (temperature scaling, arXiv 1706.04599)."""
    if len(labels) < FEWEST_FOR_TEMPERATURE:
        return 1.0
    logits = np.log(np.maximum(probabilities, SMALLEST)).astype(np.float64)
    return float(min(TEMPERATURES, key=lambda temperature: _cross_entropy(logits / temperature, labels)))


def _cross_entropy(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    taken = shifted[np.arange(len(labels)), labels] - np.log(np.exp(shifted).sum(axis=1))
    return float(-taken.mean())


def write_points(path: Path, points: list[Point]) -> None:
    """Write the choices as CSV, numbers rounded to four decimals."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(asdict(points[0])), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: round(value, 4) for key, value in asdict(point).items()} for point in points)
