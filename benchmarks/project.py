"""This project as a contestant: an archive of the record in a store of its own, a server in a home of its own."""

import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

import archive
from benchmarks.running import Running
from serving.server import Server
from serving.settings import Settings

CONFIG_NAME = archive.CONFIG.name


@contextmanager
def project(record: Path, precision: str) -> Iterator[Running]:
    """Run the project as `make start` does, serving one record, without its fixed ports."""
    with served(record, precision=precision) as (server, running):
        del server
        yield running


@contextmanager
def served(
    record: Path, *, precision: str = "fp32", config: Mapping[str, Any] | None = None
) -> Iterator[tuple[Server, Running]]:
    """Run the project with changes to handler/model-config.yaml, such as ``{"batchSize": 8}``."""
    # A socket's path may have 103 bytes, so the home lies where temporary folders do.
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        home, store = Path(scratch) / "home", Path(scratch) / "store"
        packed, _ = archive.build(record, store=store)
        change_config(packed, dict(config or {}), precision=precision)
        began = time.monotonic()
        with Server(Settings.isolated(home, store)) as server:
            (version, *_) = server.wait_until_ready()
            url = f"{server.settings.inference}/predictions/{version.model}"
            yield server, Running(url, server.pid, time.monotonic() - began)


def served_precision() -> str:
    """Return the precision that handler/model-config.yaml asks for; the handler's own default is fp32."""
    section = yaml.safe_load(archive.CONFIG.read_text()).get("handler") or {}
    return str(section.get("precision", "fp32"))


def change_config(packed: Path, changes: dict[str, Any], *, precision: str) -> None:
    """Rewrite the settings inside an archive where they differ from the tree's."""
    with zipfile.ZipFile(packed) as original:
        files = {name: original.read(name) for name in original.namelist()}
    config = yaml.safe_load(files[CONFIG_NAME]) | changes
    if precision != served_precision():
        config["handler"] = (config.get("handler") or {}) | {"precision": precision}
    files[CONFIG_NAME] = yaml.safe_dump(config).encode()
    with zipfile.ZipFile(packed, "w") as changed:
        for name, content in files.items():
            changed.writestr(name, content)
