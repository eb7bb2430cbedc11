"""A cascade of two exported networks: thresholds, fitted on validation images, for the best accuracy at a stated cost.

Three stages in int8: the small network; the large one, for the images that the small one is least certain of; of these,
for the least certain, three more views of each image by the large one. Test images are read once, at the end.
"""

import csv
import itertools
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor

from engine.cascade import Answers, with_temperature
from engine.loading import openvino_engine
from engine.margins import SMALLEST, top2_margins
from engine.metadata import EngineMetadata, Stage
from training.calibration import reliability
from training.charts import draw_trade_off
from training.errors import WeightsError
from training.evaluation import evaluate
from training.export import channels_last, predict_batches
from training.record import ALL_KEYS, Record, read_record, write_record
from training.record_entries import evaluation_entry
from training.sources import hold_out, load_source

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


def build_cascade(
    small: Path, large: Path, *, version: str, source_name: str, max_cost: float, out: Path, console: Console
) -> None:
    """Fit a cascade of two exported networks; write its record, the files that it names and the trade-off curve.

    Args:
        small: record of the first network, its files beside it.
        large: record of the second one.
        version: of the cascade.
        source_name: what both were trained on.
        max_cost: mean work for an image, of which the large network alone has 1.
        out: folder for `<name>-<version>.json` and `<name>-<version>-trade-off.{csv,png}`.

    Raises:
        WeightsError: the records do not belong together, or lack what is needed.
        SourceError: they were not trained on this source.
    """
    records = [read_record(path, keys=(*ALL_KEYS, "engine")) for path in (small, large)]
    stages = [_first_stage(path, record) for path, record in zip((small, large), records, strict=True)]
    side = int(records[1]["engine"]["image_size"])
    _require_same(small, large, records)
    source = load_source(source_name, image_size=side)
    if source.fingerprint != records[1]["data"]["fingerprint"]:
        raise WeightsError(f"{source.description} is not what {large} was trained on: give the source that it was.")
    _, validation = hold_out(source.train, fraction=records[1]["training"]["recipe"]["validation_fraction"])
    labels = validation.labels.numpy()

    def metadata(*chosen: Stage) -> EngineMetadata:
        return EngineMetadata(image_size=side, classes=len(records[1]["class_names"]), stages=chosen)

    alone = [(small, stages[0]), (large, stages[1]), (large, replace(stages[1], views=VIEWS))]
    small_answers, large_answers, views_answers = (
        predict_batches(openvino_engine(path.parent, metadata(stage)), channels_last(validation.images)).probabilities
        for path, stage in alone
    )
    small_cost = records[0]["weights"]["flops_per_image"] / records[1]["weights"]["flops_per_image"]
    answers = (small_answers, large_answers, views_answers)
    points = trade_off(answers, labels, small_cost=small_cost)
    chosen = best_within(points, max_cost=max_cost)
    fitted = _fitted_stages(alone, chosen, answers, labels)
    for path, stage in alone:
        for file in (stage.xml, stage.bin):
            if path.parent != out:
                (out / file.file).write_bytes(file.read(path.parent))
    target = out / f"{records[1]['model_name']}-{version}.json"
    served = predict_batches(openvino_engine(out, metadata(*fitted)), channels_last(source.test.images))
    record = _record(records, version, metadata(*fitted), chosen, served, source.test.labels, large=large)
    write_record(target, record)
    _write_points(target.with_name(f"{target.stem}-trade-off.csv"), points)
    draw_trade_off(
        target.with_name(f"{target.stem}-trade-off.png"),
        [(point.cost, point.accuracy) for point in points],
        chosen=(chosen.cost, chosen.accuracy),
    )
    shares = np.bincount(served.stages, minlength=len(fitted)) / len(served.stages)
    console.print(
        f"{target.stem}: {record['test']['accuracy']:.2%} of {record['test']['n']:,} test images, calibration error "
        f"{record['calibration']['test_ece']:.2%}; answered by small, large, large with {VIEWS} views: "
        f"{', '.join(f'{share:.1%}' for share in shares)}",
        highlight=False,
    )


def _first_stage(path: Path, record: Record) -> Stage:
    """The int8 stage of an exported network, whose answers all stand."""
    stage = EngineMetadata.from_json(record["engine"]).stages[0]
    if stage.precision != "int8":
        raise WeightsError(f"{path} was exported in {stage.precision} alone; a cascade takes networks in int8.")
    return replace(stage, min_margin=0.0)


def _require_same(small: Path, large: Path, records: list[Record]) -> None:
    for fact, come in {
        "class names": [record["class_names"] for record in records],
        "image sizes": [record["engine"]["image_size"] for record in records],
        "training images": [record["data"]["fingerprint"] for record in records],
    }.items():
        if come[0] != come[1]:
            raise WeightsError(f"{small} and {large} have different {fact}: a cascade takes networks of the same.")


def _fitted_stages(
    alone: list[tuple[Path, Stage]],
    chosen: Point,
    answers: tuple[Probabilities, Probabilities, Probabilities],
    labels: NDArray[np.int64],
) -> list[Stage]:
    """The stages with their thresholds, and a temperature fitted on the answers that stand."""
    margins = (chosen.small_margin, chosen.large_margin, 0.0)
    count = 3 if chosen.large_margin else 2
    stages, left = [], np.ones(len(labels), bool)
    for index, ((_, stage), probabilities) in enumerate(list(zip(alone, answers, strict=True))[:count]):
        margin = margins[index] if index < count - 1 else 0.0
        goes_on = left & (top2_margins(probabilities) < margin)
        stands = left & ~goes_on
        temperature = fit_temperature(probabilities[stands], labels[stands])
        stages.append(replace(stage, min_margin=margin, temperature=temperature))
        left = goes_on
    return stages


def _record(
    records: list[Record],
    version: str,
    metadata: EngineMetadata,
    chosen: Point,
    served: Answers,
    labels: Tensor,
    *,
    large: Path,
) -> Record:
    """The record of the cascade: the large network's, with what the cascade has of its own."""
    logits = torch.from_numpy(np.log(np.maximum(served.probabilities, SMALLEST)))
    evaluation = evaluate(logits, labels)
    return records[1] | {
        "version": version,
        "test": evaluation_entry(evaluation, records[1]["class_names"]),
        "calibration": {"coefficients": None, "test_ece": reliability(logits, labels).error},
        "reduced_precision": None,
        "weights": records[1]["weights"] | {"file": f"{large.stem}.pt"},
        "engine": metadata.to_json()
        | {
            "cascade": asdict(chosen)
            | {
                "fitted_on": f"{records[1]['data']['validation']:,} validation images",
                "answered": (np.bincount(served.stages, minlength=len(metadata.stages)) / len(labels)).tolist(),
                "small": {key: records[0][key] for key in ("model_name", "version", "test", "training", "weights")},
            }
        },
    }


def _write_points(path: Path, points: list[Point]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(asdict(points[0])), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: round(value, 4) for key, value in asdict(point).items()} for point in points)
