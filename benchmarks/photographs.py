"""Photographs of 12 megapixels: how much faster than decoding them in full, and at the same accuracy."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.contestants import PeerContestant, ProjectContestant
from benchmarks.load import run_wrk
from benchmarks.peers.settings import PEERS
from benchmarks.request_formats import class_of
from benchmarks.rounds import measure_load, rounded
from benchmarks.running import RunningServer
from benchmarks.uploads import Sample, encode_jpeg, labelled_files

WIDTH, HEIGHT = 4000, 3000
CONNECTIONS = 8
LOADED_PHOTOGRAPHS = 16
FULL_DECODER = "gunicorn"


@dataclass(frozen=True)
class PhotographKind:
    """How much detail photographs have: the time to decode a JPEG has a part that grows with its bytes alone.

    `grain` is the standard deviation of the sensor's noise, of 255; `quality` that of the JPEG, of 100.
    """

    grain: float
    quality: int


KINDS = {"smooth": PhotographKind(grain=2, quality=80), "grainy": PhotographKind(grain=9, quality=90)}


def measure(record: Path, *, count: int, seconds: float, warm_up_s: float) -> list[dict[str, Any]]:
    """For each kind of photograph, the throughput and accuracy of this project and of a server that decodes in full.

    The photographs are `count` CIFAR-10 test images enlarged, grain added. The same ones go to both servers.
    """
    return [
        {"kind": name, **measure_kind(record, kind, count=count, seconds=seconds, warm_up_s=warm_up_s)}
        for name, kind in KINDS.items()
    ]


def measure_kind(record: Path, kind: PhotographKind, *, count: int, seconds: float, warm_up_s: float) -> dict[str, Any]:
    """The comparison for one kind of photograph; every answer under load is checked."""
    photographs = list(labelled_photographs(count, kind))
    jpegs = [jpeg for jpeg, _ in photographs]
    sample = Sample(tuple(jpegs[:LOADED_PHOTOGRAPHS]))
    found: dict[str, dict[str, Any]] = {}
    for contestant in (ProjectContestant(record), PeerContestant(PEERS[FULL_DECODER], record)):
        contestant.prepare()
        uploads = contestant.answers(sample).uploads
        with contestant.serve() as server:
            run_wrk(server, uploads, connections=CONNECTIONS, seconds=warm_up_s)
            measured = measure_load(server, uploads, connections=CONNECTIONS, seconds=seconds)
            accuracy = accuracy_of(server, photographs)
        found[contestant.title] = {
            "requests_per_s": rounded(measured.load.requests_per_s),
            "p50_ms": rounded(measured.load.p50_ms),
            "p99_ms": rounded(measured.load.p99_ms),
            "errors": measured.load.errors,
            "unexpected": measured.load.unexpected,
            "cpu_ms_per_request": rounded(measured.cpu_ms_per_request),
            "accuracy": accuracy,
        }
    own, full = found.values()
    return {
        "megabytes": rounded(float(np.mean([len(jpeg) for jpeg in jpegs])) / 1e6),
        "width": WIDTH,
        "height": HEIGHT,
        "photographs": len(photographs),
        "connections": CONNECTIONS,
        "times_full_decoding": rounded(own["requests_per_s"] / full["requests_per_s"]),
        "servers": found,
    }


def accuracy_of(server: RunningServer, photographs: Sequence[tuple[bytes, int]]) -> float:
    """The share of photographs, each with its true class, that a server classifies rightly."""
    wanted, right = server.request_format, 0
    with httpx.Client(headers=dict(wanted.headers), timeout=60) as client:
        for jpeg, label in photographs:
            answer = client.post(server.url, content=wanted.encode(jpeg)).raise_for_status()
            right += class_of(answer.text) == label
    return right / len(photographs)


def labelled_photographs(count: int, kind: PhotographKind) -> Iterator[tuple[bytes, int]]:
    """Yield photographs as JPEG, each with its true class."""
    noise = np.random.default_rng(0).standard_normal((HEIGHT, WIDTH), dtype=np.float32)
    grain = np.rint(noise * kind.grain).astype(np.int16)
    for index, (path, label) in enumerate(labelled_files()[:count]):
        with Image.open(path) as small:
            large = photograph(small, np.roll(grain, 37 * index, axis=(0, 1)))
        yield encode_jpeg(large, quality=kind.quality), label


def photograph(small: Image.Image, grain: NDArray[np.int16]) -> Image.Image:
    """Enlarge an image to a photograph of the grain's shape ``(height, width)``, at least as wide as high.

    The image fills the central square and is mirrored at its left and right edge.
    """
    height, width = grain.shape
    margin = (width - height) // 2
    square = np.asarray(small.convert("RGB").resize((height, height), Image.Resampling.BICUBIC), dtype=np.int16)
    wide = np.pad(square, ((0, 0), (margin, width - height - margin), (0, 0)), mode="reflect")
    return Image.fromarray((wide + grain[..., None]).clip(0, 255).astype(np.uint8))
