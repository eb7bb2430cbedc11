"""A cascade of two exported networks: thresholds, fitted on validation images, for the best accuracy at a stated cost.

Three stages in int8: the small network; the large one, for the images that the small one is least certain of; of these,
for the least certain, three more views of each image by the large one. Test images are read once, at the end.
"""

from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor

from engine.cascade import Answers
from engine.loading import openvino_engine
from engine.margins import SMALLEST, top2_margins
from engine.metadata import EngineMetadata, Stage
from training.calibration import reliability
from training.charts import draw_trade_off
from training.destination import check_names, choose_destination, claimed
from training.drift import drift_entry
from training.errors import OutputError, WeightsError
from training.evaluation import evaluate
from training.export import channels_last, predict_batches
from training.files import write_atomically
from training.options import OutputOptions
from training.record import ALL_KEYS, Record, read_record, write_record
from training.record_entries import evaluation_entry
from training.sources import hold_out, load_source
from training.trade_off import VIEWS, Point, Probabilities, best_within, fit_temperature, trade_off, write_points

OUTPUTS = (".json", "-trade-off.csv", "-trade-off.png")


def build_cascade(
    small: Path,
    large: Path,
    *,
    version: str | None,
    source_name: str,
    max_cost: float,
    out: Path | None,
    overwrite: bool,
    console: Console,
) -> None:
    """Fit a cascade of two exported networks; write its record, the files that it names and the trade-off curve.

    They lie together, so the folder can be packed as it is.

    Args:
        small: record of the first network, its files beside it.
        large: record of the second one.
        version: of the cascade; None is the next free one of the large network's name.
        source_name: what both were trained on.
        max_cost: mean work for an image, of which the large network alone has 1.
        out: folder for `<name>-<version>.json` and `<name>-<version>-trade-off.{csv,png}`; None is
            `runs/<name>-<version>`.
        overwrite: replace files that are there.

    Raises:
        WeightsError: the records do not belong together, or lack what is needed.
        OutputError: the version cannot be served, files are there already, or the folder cannot be written to.
        SourceError: they were not trained on this source.
    """
    records = [read_record(path, keys=(*ALL_KEYS, "engine")) for path in (small, large)]
    stages = [_first_stage(path, record) for path, record in zip((small, large), records, strict=True)]
    side = int(records[1]["engine"]["image_size"])
    _require_same(small, large, records)
    options = OutputOptions(name=records[1]["model_name"], version=version, out=out, overwrite=overwrite)
    check_names(options)
    destination = choose_destination(options, outputs=OUTPUTS)  # before minutes are spent on fitting
    carried = _carried(destination.folder, ((small, stages[0]), (large, stages[1])), overwrite=overwrite)
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
    with claimed(destination):
        for target, content in carried.items():
            write_atomically(target, content)
        served = predict_batches(
            openvino_engine(destination.folder, metadata(*fitted)), channels_last(source.test.images)
        )
        record = _record(
            records, destination.version, metadata(*fitted), chosen, served, source.test.labels, large=large
        )
        write_record(destination.path(".json"), record)
        write_points(destination.path("-trade-off.csv"), points)
        draw_trade_off(
            destination.path("-trade-off.png"),
            [(point.cost, point.accuracy) for point in points],
            chosen=(chosen.cost, chosen.accuracy),
        )
    shares = np.bincount(served.stages, minlength=len(fitted)) / len(served.stages)
    console.print(
        f"{destination.path('.json')}: {record['test']['accuracy']:.2%} of {record['test']['n']:,} test images, "
        f"calibration error {record['calibration']['test_ece']:.2%}; "
        f"answered by small, large, large with {VIEWS} views: {', '.join(f'{share:.1%}' for share in shares)}",
        highlight=False,
    )


def _first_stage(path: Path, record: Record) -> Stage:
    """The int8 stage of an exported network, whose answers all stand."""
    stage = EngineMetadata.from_json(record["engine"]).stages[0]
    if stage.precision != "int8":
        raise WeightsError(f"{path} was exported in {stage.precision} alone; a cascade takes networks in int8.")
    return replace(stage, min_margin=0.0)


def _carried(folder: Path, stages: Iterable[tuple[Path, Stage]], *, overwrite: bool) -> dict[Path, bytes]:
    """What the cascade needs of its networks and `folder` lacks: exported files, and weights where there are some.

    Raises OutputError where another file has such a name, unless it may be overwritten.
    """
    found: dict[Path, bytes] = {}
    for path, stage in stages:
        found |= {folder / file.file: file.read(path.parent) for file in (stage.xml, stage.bin)}
    weights = path.with_suffix(".pt")  # of the large network: what the record of the cascade names
    if weights.is_file():
        found[folder / weights.name] = weights.read_bytes()
    lacking = {target: content for target, content in found.items() if not _holds(target, content)}
    if existing := [target for target in lacking if target.exists() and not overwrite]:
        raise OutputError(
            f"{existing[0]} is another file of that name: give another --out, or replace it by --overwrite."
        )
    return lacking


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


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
        "drift": drift_entry(served.probabilities),
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
