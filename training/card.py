"""The model card, written from the records beside the weights: no figure in it is typed by hand.

Follows Mitchell et al., "Model Cards for Model Reporting" (arXiv 1810.03993).
"""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from string import Template

from training.errors import WeightsError
from training.record import Record

CARD = Template("""\
# Model card

This page answers: what are the shipped networks, how good are they, and what are they not for? Written by
`python train.py card` from the records in `$folder/`; edit `training/card.py`, not this file.

$overview

Accuracy is of one forward pass on the test pictures, read once, after training; ± is one standard error of a share of
n pictures. Calibration error is the expected gap between a probability and the share of right answers, over 15 bins.

$models
## Intended use

Telling apart the ten kinds of things in CIFAR-10 on small pictures: to learn, to compare, and to try the serving
around it. Any picture is accepted, cut to its central square and brought to 32 x 32 pixels first.

## Limits

- There are ten answers and no "none of these": a picture of anything else gets one of the ten, at times with a high
  probability.
- What is not in the middle of the picture, or is small in it, is lost on the way to 32 x 32 pixels.
- Figures hold for pictures like those of the data set, here in a compressed copy; pictures from elsewhere do worse.
- Animals are confused with one another far more than vehicles are (the confusion matrices above).
- CIFAR-10's pictures were collected from the web in 2008 under search words; nobody chose them to represent anything.
- Not for decisions about people, safety or property.

## Licence

CIFAR-10 (Krizhevsky, 2009) is published for research without a licence of its own; its pictures belong to whoever took
them.
""")

MODEL = Template("""\
## $title

$facts

$classes

![Learning curves of $title]($stem-curves.png)
![Confusion matrix of $title]($stem-confusion.png)
![Reliability of $title]($stem-reliability.png)
""")


def write_card(folder: Path, *, card: Path) -> None:
    """Write the card of all records ``<folder>/*.json``; raises WeightsError if there are none."""
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise WeightsError(f"There are no records in {folder}: train first.")
    records = {path: json.loads(path.read_text()) for path in paths}
    models = "\n".join(
        _model(record, stem=os.path.relpath(path.with_suffix(""), card.parent)) for path, record in records.items()
    )
    card.write_text(CARD.substitute(folder=folder.name, overview=_overview(records.values()), models=models))


def _overview(records: Iterable[Record]) -> str:
    heading = ("model", "network", "accuracy", "calibration error", "parameters", "weights", "one picture")
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
                f"{record['weights']['flops_per_picture'] / 1e6:,.1f} MFLOP",
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
    return MODEL.substitute(
        title=f"{record['model_name']} {record['version']}",
        facts=_table(("", ""), _facts(record)),
        classes=_table(("class", "recall", "precision"), rows),
        stem=stem,
    )


def _facts(record: Record) -> list[tuple[str, str]]:
    data, training, machine = record["data"], record["training"], record["training"]["machine"]
    return [
        ("accuracy", f"{_accuracy(record)}, n = {record['test']['n']:,}"),
        ("data", f"{data['source']}: {data['train']:,} to train on, {data['validation']:,} held out, "
                 f"{data['test']:,} to test; {data['fingerprint'][:23]}…"),
        ("recipe", _recipe(training)),
        ("weights chosen", f"epoch {training['chosen_epoch']}, by {training['chosen_by']}"),
        ("calibration", _calibration(record)),
        ("numerics", _numerics(record)),
        ("training", f"{training['seconds']:,.0f} s on {machine['cores']} cores ({machine['device']}), "
                     f"{training['pictures_per_s']:,} pictures/s, {training['network_share_of_seconds']:.0%} of the "
                     f"time in the network{'; ' + machine['note'] if 'note' in machine else ''}"),
        ("versions", ", ".join(f"{package} {version}" for package, version in machine["versions"].items())),
        ("command", f"`{training['command']}`"),
    ]  # fmt: skip


def _recipe(training: Record) -> str:
    recipe, earlier = training["recipe"], training.get("earlier")
    text = f"{recipe['origin']}; {recipe['epochs']} epochs, batches of {recipe['batch_size']}, seed {training['seed']}"
    for teacher in training.get("taught_by", []):
        text += (
            f"; taught by one of {teacher['accuracy']:.2%}, {teacher['flops_per_picture'] / 1e9:.2f} GFLOP a picture "
            f"({teacher['recipe']['epochs']} epochs, seed {teacher['seed']}, {teacher['seconds']:,.0f} s, "
            f"{teacher['machine']['device']})"
        )
    while earlier:
        text += f"; before that {earlier['recipe']['epochs']} epochs, {earlier['seconds']:,.0f} s"
        earlier = earlier.get("earlier")
    return text


def _accuracy(record: Record) -> str:
    share, n = record["test"]["accuracy"], record["test"]["n"]
    return f"{share:.2%} ± {(share * (1 - share) / n) ** 0.5:.2%}"


def _calibration(record: Record) -> str:
    entry = record["calibration"]
    if entry["sharpness"] is None:
        return f"none; error {entry['test_ece']:.2%}"
    c0, c1, c2 = entry["sharpness"]
    return (
        f"logits times {c0:.3f} {c1:+.3f} lead {c2:+.4f} lead², fitted on {entry['fitted_on']:,} held-out pictures: "
        f"error {entry['test_ece_before']:.2%} before, {entry['test_ece']:.2%} after"
    )


def _numerics(record: Record) -> str:
    entry = record["numerics"]
    text = f"served: {entry['served']}"
    if "close_call" in entry:
        text += f"; a call is close where the best logit leads by less than {entry['close_call']}"
    for precision, name in (("int8", "eight bits"), ("bf16", "bfloat16")):
        if found := entry.get(precision):
            text += (
                f"; in {name} {found['close_calls']:.1%} are close calls, and the class is float32's on "
                f"{found['same_class']:.2%}, without a second look on {found['same_class_alone']:.2%}"
            )
    return text


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
