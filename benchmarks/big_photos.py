"""Photographs of 12 megapixels: how much faster than decoding them in full, and at the same accuracy."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks import processes
from benchmarks.contestants import CONTESTANTS
from benchmarks.load import run_wrk
from benchmarks.peers.classifier import Classifier
from benchmarks.pictures import classified, encoded, labelled_files
from benchmarks.turns import rounded

WIDTH, HEIGHT = 4000, 3000
CONNECTIONS = 8
LOADED_PHOTOS = 16
FULL_DECODER = "gunicorn"


@dataclass(frozen=True)
class Kind:
    """How much detail photographs have: the time to decode a JPEG has a part that grows with its bytes alone.

    `grain` is the standard deviation of the sensor's noise, of 255; `quality` that of the JPEG, of 100.
    """

    grain: float
    quality: int


KINDS = {"smooth": Kind(grain=2, quality=80), "grainy": Kind(grain=9, quality=90)}


def measure(record: Path, *, accuracy_photos: int, seconds: float, warm_up_s: float) -> list[dict[str, Any]]:
    """Return for each kind of photograph the throughput and accuracy of this project and of one that decodes in full.

    The photographs are CIFAR-10 test pictures enlarged, grain added. The same ones go to both servers.
    """
    return [
        {"kind": name, **measure_kind(record, kind, count=accuracy_photos, seconds=seconds, warm_up_s=warm_up_s)}
        for name, kind in KINDS.items()
    ]


def measure_kind(record: Path, kind: Kind, *, count: int, seconds: float, warm_up_s: float) -> dict[str, Any]:
    """Return the comparison for one kind of photograph; every answer under load is checked."""
    labelled = list(labelled_photos(count, kind))
    loaded = classified(Classifier(record), [jpeg for jpeg, _ in labelled[: 4 * LOADED_PHOTOS]])[:LOADED_PHOTOS]
    found: dict[str, dict[str, Any]] = {}
    for name in ("project", FULL_DECODER):
        with CONTESTANTS[name].start(record, "fp32") as running:
            run_wrk(running.url, loaded, connections=CONNECTIONS, seconds=warm_up_s)
            used_s = processes.cpu_seconds(running.pid)
            load = run_wrk(running.url, loaded, connections=CONNECTIONS, seconds=seconds)
            used_s = processes.cpu_seconds(running.pid) - used_s
            right = sum(served_class(running.url, jpeg) == label for jpeg, label in labelled)
        found[name] = {
            "requests_per_s": rounded(load.requests_per_s),
            "p50_ms": rounded(load.p50_ms),
            "p99_ms": rounded(load.p99_ms),
            "errors": load.errors,
            "unexpected": load.unexpected,
            "cpu_ms_per_request": rounded(1e3 * used_s / max(1, load.right)),
            "accuracy": right / len(labelled),
        }
    return {
        "megabytes": rounded(float(np.mean([len(jpeg) for jpeg, _ in labelled])) / 1e6),
        "width": WIDTH,
        "height": HEIGHT,
        "photos": len(labelled),
        "connections": CONNECTIONS,
        "times_full_decoding": rounded(found["project"]["requests_per_s"] / found[FULL_DECODER]["requests_per_s"]),
        "servers": found,
    }


def served_class(url: str, jpeg: bytes) -> int:
    """Return the class that a server names for one photograph."""
    answer = httpx.post(url, files={"image": ("photo.jpg", jpeg, "image/jpeg")}, timeout=60).raise_for_status().json()
    return int((answer[0] if isinstance(answer, list) else answer)["class"])


def labelled_photos(count: int, kind: Kind) -> Iterator[tuple[bytes, int]]:
    """Yield photographs as JPEG, each with its true class."""
    noise = np.random.default_rng(0).standard_normal((HEIGHT, WIDTH), dtype=np.float32)
    grain = np.rint(noise * kind.grain).astype(np.int16)
    for index, (path, label) in enumerate(labelled_files(count)):
        with Image.open(path) as small:
            large = photo(small, np.roll(grain, 37 * index, axis=(0, 1)))
        yield encoded(large, quality=kind.quality), label


def photo(small: Image.Image, grain: NDArray[np.int16]) -> Image.Image:
    """Enlarge a picture to a photograph of the grain's shape ``(height, width)``, at least as wide as high.

    The picture fills the central square and is mirrored at its left and right edge.
    """
    height, width = grain.shape
    margin = (width - height) // 2
    square = np.asarray(small.convert("RGB").resize((height, height), Image.Resampling.BICUBIC), dtype=np.int16)
    wide = np.pad(square, ((0, 0), (margin, width - height - margin), (0, 0)), mode="reflect")
    return Image.fromarray((wide + grain[..., None]).clip(0, 255).astype(np.uint8))
