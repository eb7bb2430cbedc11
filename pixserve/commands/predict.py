"""pixserve predict: pictures in, classes out."""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

from pixserve.commands.options import target_of
from pixserve.commands.output import table_of
from pixserve.errors import ClientError
from pixserve.image_files import IMAGE_SUFFIXES
from pixserve.images import Picture
from pixserve.records import Prediction

EXIT_SOME_FAILED = 3
STDIN = Path("-")
Outcome = Prediction | ClientError | OSError

Files = Annotated[list[Path], typer.Argument(help="Pictures, folders of pictures, or - for stdin.")]
Top = Annotated[int | None, typer.Option(help="How many classes to name, best first.", min=1, show_default="5")]
ModelVersion = Annotated[str | None, typer.Option(help="The version that answers.", show_default="the default one")]
Grpc = Annotated[bool, typer.Option("--grpc", help="Over gRPC instead of REST.")]
AsJson = Annotated[bool, typer.Option("--json", help="A JSON document a line, as in a pipe.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="CSV: file, class, probability, version, error.")]
Concurrency = Annotated[int, typer.Option(help="Pictures sent at once.", min=1)]


def predict(
    context: typer.Context,
    files: Files,
    top: Top = None,
    version: ModelVersion = None,
    grpc: Grpc = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    concurrency: Concurrency = 8,
) -> None:
    """Classify pictures: files, whole folders, or stdin. Exit code 3 if some could not be.

    \b
    pixserve predict cat.jpg
    pixserve predict *.png --top 3 --version 1.0 --grpc
    pixserve predict holiday/ --csv > holiday.csv
    curl -s https://example.org/cat.jpg | pixserve predict -
    """
    target = target_of(context)
    paths = list(_expanded(files))
    pictures: list[Picture] = [sys.stdin.buffer.read() if path == STDIN else path for path in paths]
    connection = target.connect()
    with connection.grpc() if grpc else connection.rest(connections=concurrency) as client:
        outcomes = client.predict_many(
            pictures, model=target.model, version=version, top_k=top, concurrency=concurrency
        )
        failed = _writer(as_json=as_json, as_csv=as_csv)(_counted(zip(paths, outcomes, strict=True), len(paths)))
    if failed:
        raise typer.Exit(EXIT_SOME_FAILED)


def _expanded(files: Sequence[Path]) -> Iterator[Path]:
    for path in files:
        if path.is_dir():
            found = sorted(inner for inner in path.rglob("*") if inner.suffix.lower() in IMAGE_SUFFIXES)
            if not found:
                raise ClientError(f"{path} holds no pictures")
            yield from found
        else:
            yield path


def _counted(outcomes: Iterable[tuple[Path, Outcome]], total: int) -> Iterable[tuple[Path, Outcome]]:
    """Show a progress bar on stderr, if somebody sees it and there is something to wait for."""
    console = Console(stderr=True)
    silent = not console.is_terminal or total < 2
    return track(outcomes, description="", total=total, console=console, transient=True, disable=silent)


def _writer(*, as_json: bool, as_csv: bool) -> Callable[[Iterable[tuple[Path, Outcome]]], int]:
    if as_csv:
        return _write_csv
    return _write_json if as_json or not sys.stdout.isatty() else _write_table


def _write_json(outcomes: Iterable[tuple[Path, Outcome]]) -> int:
    failed = 0
    for path, outcome in outcomes:
        failed += not isinstance(outcome, Prediction)
        print(json.dumps({"file": str(path)} | _document(outcome)), flush=True)
    return failed


def _write_csv(outcomes: Iterable[tuple[Path, Outcome]]) -> int:
    failed = 0
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(["file", "class", "probability", "version", "error"])
    for path, outcome in outcomes:
        if isinstance(outcome, Prediction):
            rows.writerow([path, outcome.best.name, outcome.best.probability, outcome.model_version, ""])
        else:
            failed += 1
            rows.writerow([path, "", "", "", outcome])
    return failed


def _write_table(outcomes: Iterable[tuple[Path, Outcome]]) -> int:
    failed, rows = 0, []
    for path, outcome in outcomes:
        failed += not isinstance(outcome, Prediction)
        rows.append({"file": str(path)} | _cells(outcome))
    Console().print(table_of(rows))
    return failed


def _document(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Prediction):
        return outcome.to_json()
    if isinstance(outcome, ClientError):
        return {"error": {"code": outcome.code, "type": outcome.kind, "message": outcome.message}}
    return {"error": {"code": 0, "type": type(outcome).__name__, "message": str(outcome)}}


def _cells(outcome: Outcome) -> dict[str, Any]:
    if not isinstance(outcome, Prediction):
        return {"class": "", "": str(outcome), "version": ""}
    others = "  ".join(f"{kind.name} {kind.probability:.1%}" for kind in outcome.top[1:])
    best = outcome.best
    return {"class": f"{best.name} {best.probability:.1%}", "": others, "version": outcome.model_version}
