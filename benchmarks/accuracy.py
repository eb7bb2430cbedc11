"""Accuracy and calibration of what is served: every test image through a real TorchServe.

    python -m benchmarks.accuracy                       the newest record of model/
    python -m benchmarks.accuracy model/cifar10-1.0.json

Prints what the record says beside what the server answered; the last line of standard output is one JSON document.
Exit code 1 where the accuracy differs by more than 0.1 points.
"""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.progress import track

from benchmarks import command
from benchmarks.cascade import images_by_stage, shares
from benchmarks.project import served
from benchmarks.records import newest_record
from benchmarks.results import header, report
from benchmarks.uploads import TEST_IMAGES, labelled_files
from pixserve import Prediction, RestClient
from serving.settings import PROJECT
from training.calibration import reliability

TOLERANCE = 0.001

app = typer.Typer(add_completion=False, help=__doc__, rich_markup_mode=None)
progress = Console(stderr=True, highlight=False, soft_wrap=True)


def ask(address: str, facts: dict[str, Any], paths: list[Path]) -> torch.Tensor:
    """The probabilities (N, classes) that a server gives to each file, in the order of the classes.

    Raises:
        ClientError: the server did not answer an image.
    """
    classes = len(facts["class_names"])
    probabilities = torch.zeros(len(paths), classes)
    with RestClient(address) as client:
        outcomes = client.predict_many(paths, concurrency=16, model=facts["model_name"], top_k=classes)
        for row, outcome in enumerate(track(outcomes, total=len(paths), description="images", console=progress)):
            if not isinstance(outcome, Prediction):
                raise outcome
            for entry in outcome.top:
                probabilities[row, entry.index] = entry.probability
    return probabilities


def measure(record: Path, images: Path) -> dict[str, Any]:
    """Serve a record's weights and measure them on a folder of labelled images, `<class>/*.jpg`."""
    facts = json.loads(record.read_text())
    paths, labels = zip(*labelled_files(images), strict=True)
    with served(record) as (server, running):
        begin = time.monotonic()
        probabilities = ask(server.settings.inference, facts, list(paths))
        seconds = time.monotonic() - begin
        stage_shares = shares(images_by_stage(running.describe()))
    truth = torch.tensor(labels)
    return {
        "model": f"{facts['model_name']} {facts['version']}",
        "data": facts["data"]["source"],
        "n": len(paths),
        "accuracy": round(float((probabilities.argmax(1) == truth).double().mean()), 6),
        "accuracy_of_record": facts["test"]["accuracy"],
        "expected_calibration_error": round(reliability(probabilities.clamp_min(1e-7).log(), truth).error, 6),
        "stage_shares": stage_shares,
        "seconds": round(seconds, 1),
    }


@app.command()
def accuracy(
    record: Annotated[Path | None, typer.Argument(help="The record of the weights; the newest of model/.")] = None,
    images: Annotated[Path, typer.Option(help="Labelled images, <class>/*.jpg.")] = TEST_IMAGES,
    save: Annotated[Path | None, typer.Option(help="Write the JSON document here too.")] = None,
) -> None:
    """Measure the accuracy and calibration of served weights."""
    found = measure(record or newest_record(PROJECT / "model"), images)
    print(
        f"{found['model']}: {found['accuracy']:.2%} of {found['n']:,} images over HTTP, "
        f"{found['accuracy_of_record']:.2%} by its record; "
        f"calibration error {found['expected_calibration_error']:.2%}; {found['seconds']} s"
    )
    document = header() | found
    report(document, save=save)
    if abs(found["accuracy"] - found["accuracy_of_record"]) > TOLERANCE:
        raise typer.Exit(1)


if __name__ == "__main__":
    command.run(app)
