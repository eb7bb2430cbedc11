"""The model card, written from the records beside the weights: no figure in it is typed by hand.

Follows Mitchell et al., "Model Cards for Model Reporting" (arXiv 1810.03993).
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from string import Template
from typing import Any

from training.destination import version_key
from training.errors import WeightsError
from training.record import ALL_KEYS, Record, read_record

CARD = Template("""\
# Model card

This page answers: what are the shipped networks, how good are they, and what are they not for? Written by
`python train.py card` from the records in `$folder/`; edit `training/card.py`, not this file.

$overview

Accuracy is on the test images; a network alone meets them once, after training, in one forward pass. ± is one
standard error of a proportion of n images. Calibration error is the expected calibration error (ECE) over 15 bins.

$models
$uses""")

CIFAR10_USES = """\
## Intended use

Telling apart the ten classes of CIFAR-10 in small images: to learn, to compare, and to try the serving around it. Any
image is accepted; its central square is resized to 32 x 32 pixels first.

## Limits

- There are ten classes and no "none of these": an image of anything else gets one of the ten, at times with a high
  probability.
- What is not in the middle of the image, or is small in it, is lost on the way to 32 x 32 pixels.
- Figures hold for images like those of the data set, here in a JPEG copy; images from elsewhere do worse.
- Animals are confused with one another far more than vehicles are (the confusion matrices above).
- CIFAR-10's images were collected from the web in 2008 under search words; nobody chose them to represent anything.
- Not for decisions about people, safety or property.

## Licence

CIFAR-10 (Krizhevsky, 2009) is published for research without a licence of its own; its images belong to whoever took
them.
"""

OTHER_USES = """\
## Intended use

Telling apart the classes above in images like those it was trained on. Any image is accepted; its central square is
resized to the side that the network takes.

## Limits

- There is no "none of these": an image of anything else gets one of the classes, at times with a high probability.
- What is not in the middle of the image is not seen.
- Figures hold for images like those of the data set; images from elsewhere do worse. With few test images
  they are uncertain: ± above.
- To be written by whoever trained it: where the images come from, whom and what they leave out, whose they are, and
  which decisions must not rest on an answer.
"""

MODEL = Template("""\
## $title

$facts

$classes

$charts
""")

CHARTS = {"curves": "Learning curves", "confusion": "Confusion matrix", "reliability": "Reliability"}
CASCADE_CHARTS = {"trade-off": "Accuracy and cost of the thresholds"}


def write_card(folder: Path, *, card: Path) -> None:
    """Write the card of all records ``<folder>/*.json``; raises WeightsError if there are none."""
    records = {path: read_record(path, keys=ALL_KEYS) for path in folder.glob("*.json")}
    if not records:
        raise WeightsError(f"There are no records in {folder}: train first.")
    records = dict(sorted(records.items(), key=lambda item: _order(item[1])))
    models = "\n".join(
        _model(record, stem=os.path.relpath(path.with_suffix(""), card.parent)) for path, record in records.items()
    )
    uses = CIFAR10_USES if all(each["model_name"] == "cifar10" for each in records.values()) else OTHER_USES
    text = CARD.substitute(folder=folder.name, overview=_overview(records.values()), models=models, uses=uses)
    card.write_text(text, encoding="utf-8")


def _order(record: Record) -> tuple[Any, ...]:
    """By name, then by version: 2.0 before 10.0."""
    return record["model_name"], version_key(record["version"])


def _overview(records: Iterable[Record]) -> str:
    heading = ("model", "network", "accuracy", "calibration error", "parameters", "weights", "one image")
    return _table(
        heading,
        [
            (
                f"{record['model_name']} {record['version']}",
                record["network"],
                _accuracy(record),
                f"{record['calibration']['test_ece']:.2%}",
                f"{record['weights']['parameters']:,}",
                f"{record['weights']['bytes'] / 1e6:.1f} MB",
                f"{_flops_per_image(record) / 1e6:,.1f} MFLOP",
            )
            for record in records
        ],
    )


def _model(record: Record, *, stem: str) -> str:
    test = record["test"]
    rows = [
        (name, f"{test['recall'][name] or 0:.1%}", f"{test['precision'][name] or 0:.1%}")
        for name in record["class_names"]
    ]
    title = f"{record['model_name']} {record['version']}"
    charts = CASCADE_CHARTS if _cascade(record) else CHARTS
    return MODEL.substitute(
        title=title,
        facts=_table(("", ""), _facts(record)),
        classes=_table(("class", "recall", "precision"), rows),
        charts="\n".join(f"![{name} of {title}]({stem}-{suffix}.png)" for suffix, name in charts.items()),
    )


def _cascade(record: Record) -> Record | None:
    """What is told of the thresholds, where the record is of a cascade."""
    cascade: Record | None = record.get("engine", {}).get("cascade")
    return cascade


def _flops_per_image(record: Record) -> float:
    """Of a cascade the mean over its validation images."""
    cascade = _cascade(record)
    return float(record["weights"]["flops_per_image"]) * (cascade["cost"] if cascade else 1)


def _cascade_facts(record: Record, cascade: Record) -> list[tuple[str, str]]:
    small, stages = cascade["small"], record["engine"]["stages"]
    trained = small["training"]
    shares = zip(stages, cascade["answered"], strict=True)
    return [
        ("accuracy", f"{_accuracy(record)}, n = {record['test']['n']:,}"),
        ("stages", "; ".join(_stage(stage, share) for stage, share in shares)),
        ("cost", f"{cascade['cost']:.2f} of the large network alone; thresholds fitted on {cascade['fitted_on']}, "
                 f"where it is right on {cascade['accuracy']:.2%}"),
        ("calibration", "logits divided by the temperature of the stage that answers: "
                        f"{', '.join(format(stage['temperature'], '.3f') for stage in stages)}; "
                        f"error {record['calibration']['test_ece']:.2%}"),
        ("first stage", f"{_accuracy(small)}, {small['weights']['parameters']:,} parameters, "
                        f"{small['weights']['flops_per_image'] / 1e6:.1f} MFLOP; {trained['recipe']['epochs']} epochs, "
                        f"distilled from {trained['teachers'][0]['name']}, {trained['seconds']:,.0f} s on one "
                        f"{trained['machine']['device']}"),
    ]  # fmt: skip


def _stage(stage: Record, share: float) -> str:
    views = f" with {stage['views']} views" if stage["views"] > 1 else ""
    margin = f", unless the top-2 margin is below {stage['min_margin']:.2f}" if stage["min_margin"] else ""
    return f"{stage['name']} in {stage['precision']}{views} answers {share:.1%} of the test images{margin}"


def _facts(record: Record) -> list[tuple[str, str]]:
    if cascade := _cascade(record):
        return _cascade_facts(record, cascade)
    data, training, machine = record["data"], record["training"], record["training"]["machine"]
    return [
        ("accuracy", f"{_accuracy(record)}, n = {record['test']['n']:,}"),
        ("data", f"{data['source']}: {data['train']:,} to train on, {data['validation']:,} for validation, "
                 f"{data['test']:,} to test; {data['fingerprint'][:23]}…"),
        ("recipe", _recipe(training)),
        ("weights", f"epoch {training['best_epoch']}, by {training['selected_by']}"),
        ("calibration", _calibration(record)),
        ("reduced precision", _reduced_precision(record)),
        ("training", f"{training['seconds']:,.0f} s on {machine['cores']} cores ({machine['device']}), "
                     f"{training['images_per_s']:,} images/s, {training['network_time_fraction']:.0%} of the "
                     f"time in the network{'; ' + machine['note'] if 'note' in machine else ''}"),
        ("versions", ", ".join(f"{package} {version}" for package, version in machine["versions"].items())),
        ("command", f"`{training['command']}`"),
    ]  # fmt: skip


def _recipe(training: Record) -> str:
    recipe, initial = training["recipe"], training.get("initial_weights")
    text = f"{recipe['origin']}; {recipe['epochs']} epochs, batches of {recipe['batch_size']}, seed {training['seed']}"
    if "weights" in recipe:
        text += f"; {recipe['frozen_epochs']} of them the head alone; began with weights {recipe['weights']}"
    for teacher in training.get("teachers", []):
        text += (
            f"; distilled from a network of {teacher['accuracy']:.2%} and "
            f"{teacher['flops_per_image'] / 1e9:.2f} GFLOP an image ({teacher['recipe']['epochs']} epochs, "
            f"seed {teacher['seed']}, {teacher['seconds']:,.0f} s, {teacher['machine']['device']})"
        )
    while initial:
        text += f"; initial weights trained for {initial['recipe']['epochs']} epochs, {initial['seconds']:,.0f} s"
        initial = initial.get("initial_weights")
    return text


def _accuracy(record: Record) -> str:
    accuracy, n = record["test"]["accuracy"], record["test"]["n"]
    return f"{accuracy:.2%} ± {(accuracy * (1 - accuracy) / n) ** 0.5:.2%}"


def _calibration(record: Record) -> str:
    entry = record["calibration"]
    if entry["coefficients"] is None:
        return f"none; error {entry['test_ece']:.2%}"
    c0, c1, c2 = entry["coefficients"]
    return (
        f"logits times {c0:.3f} {c1:+.3f} m {c2:+.4f} m², m being the top-2 margin; fitted on {entry['fitted_on']:,} "
        f"validation images: error {entry['test_ece_uncalibrated']:.2%} without, {entry['test_ece']:.2%} with it"
    )


def _reduced_precision(record: Record) -> str:
    entry = record["reduced_precision"]
    if entry is None:
        return "none: float32"
    text = f"predictions with a top-2 margin below {entry['min_margin']} are computed again in float32"
    for key, name in (("int8", "int8"), ("bf16", "bfloat16")):
        if found := entry.get(key):
            text += (
                f"; {name}: {found['fallback_fraction']:.1%} are, and the class is float32's on "
                f"{found['agreement_with_fallback']:.2%}, without the fallback on {found['agreement']:.2%}"
            )
    return text


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
