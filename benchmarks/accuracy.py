"""Accuracy and calibration of what is really served: every test picture through a real TorchServe.

    python -m benchmarks.accuracy                       the newest record of model/
    python -m benchmarks.accuracy model/cifar10-1.0.json

Prints what the record promises beside what the server answered; the last line of stdout is one JSON document. Exit
code 1 where the accuracy differs by more than 0.1 points.
"""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.progress import track

from benchmarks.pictures import TEST_PICTURES, labelled_files
from benchmarks.project import served
from pixserve import Prediction, RestClient
from serving.server import Server
from serving.settings import PROJECT
from training.calibration import reliability

TOLERANCE = 0.001


def ask(server: Server, facts: dict[str, Any], paths: list[Path]) -> torch.Tensor:
    """Return the probabilities (N, classes) that the server gives to each file, in the order of the classes.

    Raises:
        ClientError: the server did not answer a picture.
    """
    classes = len(facts["class_names"])
    probabilities = torch.zeros(len(paths), classes)
    with RestClient(server.settings.inference) as client:
        outcomes = client.predict_many(paths, concurrency=16, model=facts["model_name"], top_k=classes)
        for row, outcome in enumerate(track(outcomes, total=len(paths), description="pictures")):
            if not isinstance(outcome, Prediction):
                raise outcome
            for entry in outcome.top:
                probabilities[row, entry.index] = entry.probability
    return probabilities


def measure(record: Path, pictures: Path) -> dict[str, Any]:
    """Serve a record's weights and measure them on a folder of labelled pictures, `<class>/*`."""
    facts = json.loads(record.read_text())
    paths, labels = zip(*labelled_files(10**9, folder=pictures), strict=True)
    with served(record) as (server, _):
        begin = time.monotonic()
        probabilities = ask(server, facts, list(paths))
        seconds = time.monotonic() - begin
    truth = torch.tensor(labels)
    return {
        "model": f"{facts['model_name']} {facts['version']}",
        "data": facts["data"]["source"],
        "n": len(paths),
        "accuracy": round(float((probabilities.argmax(1) == truth).double().mean()), 6),
        "accuracy_of_record": facts["test"]["accuracy"],
        "expected_calibration_error": round(reliability(probabilities.clamp_min(1e-7).log(), truth).error, 6),
        "seconds": round(seconds, 1),
    }


def main(
    record: Annotated[Path | None, typer.Argument(help="The record of the weights; the newest of model/.")] = None,
    pictures: Annotated[Path, typer.Option(help="Labelled pictures, <class>/*.")] = TEST_PICTURES,
) -> None:
    """Measure the accuracy and calibration of served weights."""
    found = measure(record or max((PROJECT / "model").glob("*.json")), pictures)
    print(
        f"{found['model']}: {found['accuracy']:.2%} of {found['n']:,} pictures over HTTP, "
        f"{found['accuracy_of_record']:.2%} by its record; "
        f"calibration error {found['expected_calibration_error']:.2%}; {found['seconds']} s"
    )
    print(json.dumps(found))
    if abs(found["accuracy"] - found["accuracy_of_record"]) > TOLERANCE:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
