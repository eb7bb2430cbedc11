"""How throughput grows with connections, batch size, workers and image size; a figure for each.

python -m benchmarks.growth    writes growth.json and four PNG files
"""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import httpx
import typer
from PIL import Image
from rich.console import Console

from benchmarks import command
from benchmarks.bench import RECORD
from benchmarks.contestants import PeerContestant, ProjectContestant
from benchmarks.errors import BenchmarkError
from benchmarks.figures import Curve, draw
from benchmarks.load import Load, run_wrk
from benchmarks.peers.settings import PEERS
from benchmarks.project import served
from benchmarks.results import RESULTS, header, write_result
from benchmarks.running import RunningServer
from benchmarks.uploads import Sample, Upload, encode_jpeg, generated_images, sample_images
from serving.server import Server

CONNECTIONS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
WORKERS = (1, 2, 3, 4)
SIDES = (32, 128, 256, 512, 1024, 2048, 3464)  # pixels; the last has 12 million
MANY, FEW = 64, 8  # connections

app = typer.Typer(add_completion=False, help=__doc__, rich_markup_mode=None)
progress = Console(stderr=True, highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Bench:
    """What all four measurements share."""

    record: Path
    uploads: Sequence[Upload]
    seconds: float

    def load(self, server: RunningServer, *, connections: int, uploads: Sequence[Upload] | None = None) -> Load:
        """Warm a server up and load it.

        Raises:
            BenchmarkError: an answer was wrong; a curve of errors means nothing.
        """
        for _ in ("warm-up", "measurement"):
            load = run_wrk(server, uploads or self.uploads, connections=connections, seconds=self.seconds)
        if load.errors:
            raise BenchmarkError(f"{load.errors} errors with {connections} connections: {load.unexpected or load}")
        progress.print(f"{connections} connections: {load.requests_per_s:,.0f} requests/s")
        return load


def against_connections(bench: Bench) -> list[Curve]:
    """Load one server with more and more connections."""
    with served(bench.record) as (_, running):
        rates = [bench.load(running, connections=count).requests_per_s for count in CONNECTIONS]
    return [Curve("requests/s", CONNECTIONS, rates)]


def against_batch_size(bench: Bench) -> list[Curve]:
    """Serve with larger and larger batches."""
    rates = []
    for size in BATCH_SIZES:
        with served(bench.record, config={"batchSize": size}) as (_, running):
            rates.append(bench.load(running, connections=MANY).requests_per_s)
    return [Curve("requests/s", BATCH_SIZES, rates)]


def against_workers(bench: Bench) -> list[Curve]:
    """Scale the same server to so many workers, one thread each."""
    rates = []
    with served(bench.record) as (server, running):
        for count in WORKERS:
            scale(server, running.url.rpartition("/")[2], count)
            rates.append(bench.load(running, connections=MANY).requests_per_s)
    return [Curve("requests/s", WORKERS, rates)]


def against_image_size(bench: Bench) -> list[Curve]:
    """Send larger and larger images, to this project and to a server that decodes them in full."""
    samples = [enlarged(side) for side in SIDES]
    curves = []
    for contestant in (ProjectContestant(bench.record), PeerContestant(PEERS["gunicorn"], bench.record)):
        contestant.prepare()
        expected = [contestant.answers(sample).uploads for sample in samples]
        with contestant.serve() as running:
            rates = [bench.load(running, connections=FEW, uploads=uploads).requests_per_s for uploads in expected]
        curves.append(Curve(contestant.title, SIDES, rates))
    return curves


def enlarged(side: int) -> Sample:
    """Generated images of `side` x `side` pixels."""
    small = [Image.open(io.BytesIO(jpeg)) for jpeg in generated_images(64)]
    return Sample(tuple(encode_jpeg(image.resize((side, side), Image.Resampling.BICUBIC)) for image in small))


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
    "batch-size": (f"largest batch ({MANY} connections)", against_batch_size),
    "workers": (f"workers of one thread ({MANY} connections)", against_workers),
    "image-size": (f"side of a square JPEG, pixels ({FEW} connections)", against_image_size),
}


@app.command()
def growth(
    folder: Annotated[Path, typer.Option(help="Where the figures go.")] = RESULTS,
    record: Annotated[Path, typer.Option(help="The training record to serve.")] = RECORD,
    seconds: Annotated[float, typer.Option(min=1, help="Of each measurement, and of the warm-up before it.")] = 6,
    only: Annotated[str, typer.Option(help="Some of these, with commas.")] = ",".join(MEASUREMENTS),
) -> None:
    """Measure how throughput grows, and draw it."""
    bench = Bench(record, ProjectContestant(record).answers(sample_images()).uploads, seconds)
    folder.mkdir(parents=True, exist_ok=True)
    saved = folder / "growth.json"
    document = json.loads(saved.read_text()) if saved.exists() else {}
    document |= header() | {"record": record.name, "seconds": seconds}
    for name in command.words(only, choices=tuple(MEASUREMENTS)):
        label, measure = MEASUREMENTS[name]
        progress.print(f"against {label}")
        curves = measure(bench)
        draw(curves, label=label, path=folder / f"growth-{name}.png")
        document[name] = {curve.title: dict(zip(map(str, curve.x), curve.y, strict=True)) for curve in curves}
    write_result(saved, document)
    print(json.dumps(document))


if __name__ == "__main__":
    command.run(app)
