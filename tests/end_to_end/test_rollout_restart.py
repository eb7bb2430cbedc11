"""What a restart and tokens do to versions: nothing is forgotten, and keys are renewed in time."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from operations.errors import NoEarlierVersionError
from operations.loading import add_workers
from operations.switch import promote, roll_back
from pixserve import Connection, Endpoints
from pixserve.runtime_directory import RuntimeDirectory
from serving.machine import this_machine
from serving.server import Server
from serving.settings import Settings
from tests.two_versions import MODEL, NEW, OLD, build, generated_images

IMAGE = generated_images(1)[0]


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="restart-"))
    yield folder
    shutil.rmtree(folder)


def test_versions_default_and_rollback_survive_a_restart_and_tokens_are_renewed(folder: Path) -> None:
    build(folder, OLD)
    tokens = {"disable_token_authorization": "false", "token_expiration_min": "1.01"}
    settings = Settings.isolated(folder / "run", folder / "store", tokens)
    with Server(settings) as server:
        server.wait_until_ready()
        build(folder, NEW)
        with Connection(Endpoints.of_runtime_dir(settings.runtime_directory.path)) as connection:
            first = keys(settings.runtime_directory)
            connection.management.register(f"{MODEL}-{NEW}.mar")
            add_workers(connection.management, MODEL, NEW, workers=1, runtime_directory=settings.runtime_directory)
            promote(connection, MODEL, NEW)
            for client in (connection.rest(), connection.grpc()):
                with client:
                    assert client.predict(IMAGE).model_version == NEW
        assert set(keys(settings.runtime_directory)).isdisjoint(first), "less than a minute was left: both are new"
    with (
        Server(settings) as server,
        Connection(Endpoints.of_runtime_dir(settings.runtime_directory.path)) as connection,
    ):
        server.wait_until_ready()
        found = connection.management.versions(MODEL)
        assert [(version.version, version.is_default, version.wanted_workers) for version in found] == [
            (OLD, False, this_machine().workers),
            (NEW, True, 1),
        ]
        assert roll_back(connection, MODEL) == (NEW, OLD)
        with pytest.raises(NoEarlierVersionError):
            roll_back(connection, MODEL)


def keys(runtime_directory: RuntimeDirectory) -> list[str]:
    found = json.loads(runtime_directory.key_file.read_text())
    return [found[kind]["key"] for kind in ("inference", "management")]
