"""This project as a contestant: a store with an archive of the record, a server in a runtime directory of its own."""

import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

import archive
from benchmarks.running import RunningServer
from serving.server import Server
from serving.settings import Settings

CONFIG_NAME = archive.CONFIG.name


@contextmanager
def served(
    record: Path, *, config: Mapping[str, Any] | None = None, handler: Mapping[str, Any] | None = None
) -> Iterator[tuple[Server, RunningServer]]:
    """Serve one record as `make start` does, on free ports.

    Args:
        record: of the weights to pack and serve.
        config: changes to model-config.yaml, such as ``{"batchSize": 8}``.
        handler: changes to its section `handler`, such as ``{"precision": "fp32"}``.
    """
    # A socket's path may have 103 bytes, so the runtime directory lies where temporary folders do.
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        runtime_dir, store = Path(scratch) / "run", Path(scratch) / "store"
        packed, _ = archive.build(record, store=store)
        if config or handler:
            change_config(packed, config or {}, handler or {})
        began = time.monotonic()
        with Server(Settings.isolated(runtime_dir, store)) as server:
            (version, *_) = server.wait_until_ready()
            url = f"{server.settings.inference}/predictions/{version.model}"
            description = describer(server, version.model, version.version)
            yield server, RunningServer(url, server.pid, time.monotonic() - began, describe=description)


def describer(server: Server, model: str, version: str) -> Callable[[], dict[str, Any]]:
    """A function that asks one of a version's workers to describe itself."""

    def describe() -> dict[str, Any]:
        with server.management() as management:
            return management.ask_worker(model, version)

    return describe


@contextmanager
def unpacked(record: Path) -> Iterator[Path]:
    """The folder that TorchServe would unpack a record's archive into."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        packed, _ = archive.build(record, store=Path(scratch) / "store")
        with zipfile.ZipFile(packed) as files:
            files.extractall(Path(scratch) / "model")
        yield Path(scratch) / "model"


def change_config(packed: Path, changes: Mapping[str, Any], handler: Mapping[str, Any]) -> None:
    """Rewrite the settings inside an archive."""
    with zipfile.ZipFile(packed) as original:
        files = {name: original.read(name) for name in original.namelist()}
    config = yaml.safe_load(files[CONFIG_NAME]) | dict(changes)
    config["handler"] |= dict(handler)
    files[CONFIG_NAME] = yaml.safe_dump(config).encode()
    with zipfile.ZipFile(packed, "w") as changed:
        for name, content in files.items():
            changed.writestr(name, content)
