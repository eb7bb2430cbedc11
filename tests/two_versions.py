"""A real server with the shipped LeNet under two versions, and images that it has an opinion of."""

import io
import json
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

import archive
from operations.verdict import Limits
from pixserve import Connection, Endpoints
from serving.server import Server
from serving.settings import PROJECT, Settings

MODEL, OLD, NEW = "cifar10", "1.0", "2.0"
RECORD = PROJECT / "model" / "cifar10-1.0.json"
GENEROUS = Limits(accuracy_margin=0.01, latency_factor=50)  # of a gate that does not judge by the clock


@contextmanager
def two_versions() -> Iterator[tuple[Server, Connection, Path]]:
    """A server with the shipped weights as version 1.0, an archive of them as 2.0, and a folder with both."""
    folder = Path(tempfile.mkdtemp(prefix="versions-"))
    try:
        build(folder, OLD)
        settings = Settings.isolated(folder / "run", folder / "store")
        with Server(settings) as server:
            server.wait_until_ready()
            build(folder, NEW)
            with Connection(Endpoints.of_runtime_dir(settings.runtime_directory.path)) as connection:
                yield server, connection, folder
    finally:
        shutil.rmtree(folder)


def build(folder: Path, version: str, *, class_names: list[str] | None = None) -> Path:
    """Pack the shipped weights under a version, and under other class names if some are given."""
    facts = json.loads(RECORD.read_text()) | {"version": version}
    record = folder / f"{MODEL}-{version}.json"
    record.write_text(json.dumps(facts | ({"class_names": class_names} if class_names else {})))
    copy_weights(RECORD, folder)
    if not record.with_suffix(".pt").exists():
        shutil.copy(RECORD.with_suffix(".pt"), record.with_suffix(".pt"))
    return archive.build(record, store=folder / "store")[0]


def copy_weights(record: Path, folder: Path) -> None:
    """Copy what a record names beside itself: weights and IR."""
    for path in record.parent.glob(f"{record.stem}.*"):
        if path != record:
            shutil.copy(path, folder)


def generated_images(count: int, *, seed: int = 0) -> list[bytes]:
    """Images of coloured clouds, as PNG: enough for a network to have an opinion."""
    noise = random.Random(seed)
    images = []
    for _ in range(count):
        file = io.BytesIO()
        Image.frombytes("RGB", (4, 4), noise.randbytes(48)).resize((32, 32)).save(file, format="PNG")
        images.append(file.getvalue())
    return images


def label_images(connection: Connection, images: list[bytes], *, folder: Path) -> Path:
    """Write images into a folder for each class, as the server's default version classifies them."""
    with connection.rest() as client:
        for index, image in enumerate(images):
            of_class = folder / client.predict(image).best.name
            of_class.mkdir(parents=True, exist_ok=True)
            (of_class / f"{index:04}.png").write_bytes(image)
    return folder
