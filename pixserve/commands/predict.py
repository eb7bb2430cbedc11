"""pixserve predict: images in, classes out."""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from pixserve.commands.options import target_of
from pixserve.commands.output import progress_display, quantity, say, sentence_of, table_of
from pixserve.errors import (
    AddressError,
    ClientError,
    InvalidTopKError,
    ModelNotFoundError,
    NoWorkerError,
    RejectedImageError,
    RequestTooLargeError,
    ServerStoppingError,
    UnauthorizedError,
    UnreachableError,
    VersionNotFoundError,
)
from pixserve.image_files import find_image_files
from pixserve.images import ImageSource
from pixserve.inference import Outcome
from pixserve.records import Prediction

EXIT_STOPPED = 1
EXIT_SOME_FAILED = 3
STDIN = Path("-")
OF_EVERY_IMAGE = (  # what the next image would be answered, too
    AddressError,
    InvalidTopKError,
    ModelNotFoundError,
    NoWorkerError,
    ServerStoppingError,
    UnauthorizedError,
    UnreachableError,
    VersionNotFoundError,
)
MOST_IN_A_ROW = 4  # errors that need not be the image's, such as time-outs; more where more images are sent at once
FileOutcome = tuple[Path, Outcome]

Files = Annotated[list[Path], typer.Argument(help="Images, folders of images, or - for stdin.")]
Top = Annotated[int | None, typer.Option(help="How many classes to name, best first.", min=1, show_default="5")]
ModelVersion = Annotated[str | None, typer.Option(help="The version that answers.", show_default="the default one")]
Grpc = Annotated[bool, typer.Option("--grpc", help="Over gRPC instead of REST.")]
AsJson = Annotated[bool, typer.Option("--json", help="A JSON document a line, as in a pipe.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="CSV: file, class, probability, version, error.")]
Concurrency = Annotated[int, typer.Option(help="Images sent at once.", min=1)]


@dataclass
class Tally:
    """How many images have been answered, how many of them with an error, and why the rest was not sent."""

    answered: int = 0
    failed: int = 0
    stopped_by: ClientError | OSError | None = None


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
    """Classify images: files, whole folders, or stdin.

    Exit code 3 if some could not be classified; 1 where an error is not the image's, such as a wrong key: then the rest
    is not sent.

    \b
    pixserve predict cat.jpg
    pixserve predict *.png --top 3 --version 1.0 --grpc
    pixserve predict holiday/ --csv > holiday.csv
    curl -s https://example.org/cat.jpg | pixserve predict -
    """
    target = target_of(context)
    paths = list(_expanded(files))
    images: list[ImageSource] = [sys.stdin.buffer.read() if path == STDIN else path for path in paths]
    write = _writer(as_json=as_json, as_csv=as_csv)
    # Lines that appear one by one would tear the bar apart where both are seen on one terminal.
    visible = len(paths) > 1 and (write is _write_table or not sys.stdout.isatty())
    connection, tally = target.connect(), Tally()
    options: dict[str, Any] = {"model": target.model, "version": version, "top_k": top, "concurrency": concurrency}
    with (
        connection.grpc() if grpc else connection.rest(connections=concurrency) as client,
        closing(client.predict_many(images, **options)) as outcomes,
        progress_display(visible=visible) as progress,
    ):
        found = _tallied(paths, outcomes, tally, most_in_a_row=max(MOST_IN_A_ROW, concurrency))
        write(progress.track(found, total=len(paths), description=""))
    if tally.stopped_by:
        say(f"error: {_unsent(tally.stopped_by, left=len(paths) - tally.answered, total=len(paths))}")
        raise typer.Exit(EXIT_STOPPED) from tally.stopped_by
    if tally.failed:
        raise typer.Exit(EXIT_SOME_FAILED)


def _expanded(files: Sequence[Path]) -> Iterator[Path]:
    for path in files:
        if path.is_dir():
            found = find_image_files(path, "**/*")
            if not found.images:
                raise ClientError(f"{path} holds no images")
            if found.passed_over:
                say(f"{path}: {quantity(len(found.passed_over), 'file')} passed over, not an image by name")
            yield from found.images
        else:
            yield path


def _tallied(
    paths: Iterable[Path], outcomes: Iterable[Outcome], tally: Tally, *, most_in_a_row: int
) -> Iterator[FileOutcome]:
    """Pair files with their outcomes until an error shows that the rest would fail likewise.

    That is an error of every image at once, and one more than `most_in_a_row` of those that may be.
    """
    in_a_row = 0
    for path, outcome in zip(paths, outcomes, strict=True):
        in_a_row = 0 if _is_the_images(outcome, path) else in_a_row + 1
        if isinstance(outcome, Exception) and (isinstance(outcome, OF_EVERY_IMAGE) or in_a_row > most_in_a_row):
            tally.stopped_by = outcome
            return
        tally.answered += 1
        tally.failed += not isinstance(outcome, Prediction)
        yield path, outcome


def _is_the_images(outcome: Outcome, path: Path) -> bool:
    """Whether it says something of this image alone: what it shows, or what is wrong with its file."""
    if isinstance(outcome, OSError):
        return str(outcome.filename) == str(path)
    return isinstance(outcome, (Prediction, RejectedImageError, RequestTooLargeError))


def _unsent(fault: ClientError | OSError, *, left: int, total: int) -> str:
    sentence = sentence_of(fault)
    return sentence if total == 1 else f"{sentence}; {left} of {total} images were not classified"


def _writer(*, as_json: bool, as_csv: bool) -> Callable[[Iterable[FileOutcome]], None]:
    if as_csv:
        return _write_csv
    return _write_json if as_json or not sys.stdout.isatty() else _write_table


def _write_json(outcomes: Iterable[FileOutcome]) -> None:
    for path, outcome in outcomes:
        print(json.dumps({"file": str(path)} | _document(outcome)), flush=True)


def _write_csv(outcomes: Iterable[FileOutcome]) -> None:
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(["file", "class", "probability", "version", "error"])
    for path, outcome in outcomes:
        if isinstance(outcome, Prediction):
            rows.writerow([path, outcome.best.name, outcome.best.probability, outcome.model_version, ""])
        else:
            rows.writerow([path, "", "", "", sentence_of(outcome)])


def _write_table(outcomes: Iterable[FileOutcome]) -> None:
    rows = [{"file": str(path)} | _cells(outcome) for path, outcome in outcomes]
    if rows:
        Console().print(table_of(rows))


def _document(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Prediction):
        return outcome.to_json()
    if isinstance(outcome, ClientError):
        return {"error": {"code": outcome.code, "type": outcome.kind, "message": outcome.message}}
    return {"error": {"code": 0, "type": type(outcome).__name__, "message": sentence_of(outcome)}}


def _cells(outcome: Outcome) -> dict[str, Any]:
    if not isinstance(outcome, Prediction):
        return {"class": "", "": sentence_of(outcome), "version": ""}
    others = "  ".join(f"{ranked.name} {ranked.probability:.1%}" for ranked in outcome.top[1:])
    best = outcome.best
    return {"class": f"{best.name} {best.probability:.1%}", "": others, "version": outcome.model_version}
