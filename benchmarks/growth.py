"""How throughput grows with the work: against connections, batch size, workers and picture size; a figure each.

python -m benchmarks.growth    writes growth.json and four PNG files
"""

import io
import json
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NoReturn

import httpx
import typer
from PIL import Image
from rich.console import Console

from benchmarks import hardware
from benchmarks.bench import RECORD
from benchmarks.contestants import CONTESTANTS
from benchmarks.errors import BenchmarkError
from benchmarks.figures import Curve, draw
from benchmarks.load import Load, run_wrk
from benchmarks.peers.classifier import Classifier
from benchmarks.peers.environment import build_environment
from benchmarks.pictures import Picture, classified, encoded, generated, read_pictures
from benchmarks.project import served
from serving.errors import ServingError
from serving.server import Server
from serving.settings import PROJECT

CONNECTIONS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
WORKERS = (1, 2, 3, 4)
SIDES = (32, 128, 256, 512, 1024, 2048, 3464)  # pixels; the last has 12 million
WIDE, NARROW = 64, 8  # connections

app = typer.Typer(add_completion=False, help=__doc__, rich_markup_mode=None)
progress = Console(stderr=True, highlight=False)


@dataclass(frozen=True)
class Bench:
    """What all four measurements share."""

    record: Path
    pictures: Sequence[Picture]
    seconds: float

    def load(self, url: str, *, connections: int, pictures: Sequence[Picture] | None = None) -> Load:
        """Warm a server up and load it.

        Raises:
            BenchmarkError: an answer was wrong; a curve of errors means nothing.
        """
        for seconds in (self.seconds, self.seconds):
            load = run_wrk(url, pictures or self.pictures, connections=connections, seconds=seconds)
        if load.errors:
            raise BenchmarkError(f"{load.errors} errors with {connections} connections: {load.unexpected or load}")
        progress.print(f"{connections} connections: {load.requests_per_s:,.0f} requests/s")
        return load


def against_connections(bench: Bench) -> list[Curve]:
    """Load one server wider and wider."""
    with served(bench.record) as (_, running):
        rates = [bench.load(running.url, connections=width).requests_per_s for width in CONNECTIONS]
    return [Curve("requests/s", CONNECTIONS, rates)]


def against_batch_size(bench: Bench) -> list[Curve]:
    """Let the same server join at most so many requests."""
    rates = []
    for size in BATCH_SIZES:
        with served(bench.record, config={"batchSize": size}) as (_, running):
            rates.append(bench.load(running.url, connections=WIDE).requests_per_s)
    return [Curve("requests/s", BATCH_SIZES, rates)]


def against_workers(bench: Bench) -> list[Curve]:
    """Scale the same server to so many workers, one thread each."""
    rates = []
    with served(bench.record) as (server, running):
        for count in WORKERS:
            scale(server, running.url.rpartition("/")[2], count)
            rates.append(bench.load(running.url, connections=WIDE).requests_per_s)
    return [Curve("requests/s", WORKERS, rates)]


def against_picture_size(bench: Bench) -> list[Curve]:
    """Send larger and larger pictures, to this project and to a server that decodes them in full."""
    sizes = {side: enlarged(bench, side) for side in SIDES}
    curves = []
    for name in ("project", "gunicorn"):
        contestant = CONTESTANTS[name]
        with contestant.start(bench.record, "fp32") as running:
            rates = [
                bench.load(running.url, connections=NARROW, pictures=pictures).requests_per_s
                for pictures in sizes.values()
            ]
        curves.append(Curve(contestant.title, SIDES, rates))
    return curves


def enlarged(bench: Bench, side: int) -> list[Picture]:
    """Return generated pictures of one size, those of a clear class."""
    small = [Image.open(io.BytesIO(jpeg)) for jpeg in generated(64)]
    jpegs = [encoded(picture.resize((side, side), Image.Resampling.BICUBIC)) for picture in small]
    return classified(Classifier(bench.record), jpegs)


def scale(server: Server, model: str, workers: int) -> None:
    """Change the number of a model's workers, and wait for them.

    Raises:
        BenchmarkError: TorchServe refused.
    """
    transport = httpx.HTTPTransport(uds=str(server.settings.management_socket))
    query = f"min_worker={workers}&max_worker={workers}&synchronous=true"
    with httpx.Client(base_url="http://localhost", transport=transport, timeout=120) as management:
        answer = management.put(f"/models/{model}?{query}")
    if not answer.is_success:
        raise BenchmarkError(f"TorchServe did not scale {model} to {workers} workers: {answer.text.strip()}")


MEASUREMENTS: dict[str, tuple[str, Callable[[Bench], list[Curve]]]] = {
    "connections": ("concurrent connections", against_connections),
    "batch-size": (f"largest batch ({WIDE} connections)", against_batch_size),
    "workers": (f"workers of one thread ({WIDE} connections)", against_workers),
    "picture-size": (f"side of a square JPEG, pixels ({NARROW} connections)", against_picture_size),
}


@app.command()
def growth(
    folder: Annotated[Path, typer.Option(help="Where the figures go.")] = PROJECT / "benchmarks" / "results",
    record: Annotated[Path, typer.Option(help="The training record to serve.")] = RECORD,
    seconds: Annotated[float, typer.Option(min=1, help="Of each measurement, and of warming up before it.")] = 6,
    only: Annotated[list[str] | None, typer.Option(help=f"Any of {', '.join(MEASUREMENTS)}; all if none.")] = None,
) -> None:
    """Measure how throughput grows, and draw it."""
    build_environment()
    bench = Bench(record, read_pictures(record), seconds)
    folder.mkdir(parents=True, exist_ok=True)
    saved = folder / "growth.json"
    document = json.loads(saved.read_text()) if only and saved.exists() else {}
    document |= {"record": record.name, "seconds": seconds, "hardware": hardware.describe()}
    for name in only or MEASUREMENTS:
        label, measure = MEASUREMENTS[name]
        progress.print(f"against {label}")
        curves = measure(bench)
        draw(curves, label=label, path=folder / f"growth-{name}.png")
        document[name] = {curve.title: dict(zip(map(str, curve.x), curve.y, strict=True)) for curve in curves}
    saved.write_text(json.dumps(document, indent=1) + "\n")
    print(json.dumps(document))


def main() -> NoReturn:
    """Run the command line; a fault is one sentence on stderr and exit code 1."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that servers are ended
    try:
        app(standalone_mode=True)
    except (BenchmarkError, ServingError) as fault:
        print(f"error: {fault}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
