"""This project as a contestant: a store with an archive of the record, a server in a runtime directory of its own."""

import functools
import json
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
    record: Path, *, precision: str | None = None, config: Mapping[str, Any] | None = None
) -> Iterator[tuple[Server, Running]]:
    """Run the project with changes to handler/model-config.yaml, such as ``{"batchSize": 8}`` or a precision."""
    # A socket's path may have 103 bytes, so the runtime directory lies where temporary folders do.
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        runtime_dir, store = Path(scratch) / "run", Path(scratch) / "store"
        packed, _ = archive.build(record, store=store)
        change_config(packed, dict(config or {}), precision=precision)
        began = time.monotonic()
        with Server(Settings.isolated(runtime_dir, store)) as server:
            (version, *_) = server.wait_until_ready()
            url = f"{server.settings.inference}/predictions/{version.model}"
            yield server, Running(url, server.pid, time.monotonic() - began)


@functools.cache  # it takes a server to know
def served_precision(record: Path) -> str:
    """Ask a server what it serves this record in on this machine: ``fp32``, ``int8`` or ``bf16``."""
    facts = json.loads(record.read_text())
    with served(record) as (server, _), server.management() as management:
        return str(management.ask_worker(facts["model_name"], facts["version"])["precision"])


def change_config(packed: Path, changes: dict[str, Any], *, precision: str | None) -> None:
    """Rewrite the settings inside an archive."""
    with zipfile.ZipFile(packed) as original:
        files = {name: original.read(name) for name in original.namelist()}
    config = yaml.safe_load(files[CONFIG_NAME]) | changes
    if precision:
        config["handler"]["precision"] = precision
    files[CONFIG_NAME] = yaml.safe_dump(config).encode()
    with zipfile.ZipFile(packed, "w") as changed:
        for name, content in files.items():
            changed.writestr(name, content)
