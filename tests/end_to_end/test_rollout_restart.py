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
from pixserve.refused_archives import mark_refused
from pixserve.runtime_directory import RuntimeDirectory
from serving.machine import this_machine
from tests.end_to_end.launching import Launcher
from tests.two_versions import MODEL, NEW, OLD, build, generated_images

IMAGE = generated_images(1)[0]


@pytest.fixture
def launcher() -> Iterator[Launcher]:
    """A server of one version whose tokens have to be renewed at once; it is not started yet."""
    folder = Path(tempfile.mkdtemp(prefix="restart-"))
    build(folder, OLD)
    (folder / "run").mkdir()
    tokens = {"disable_token_authorization": "false", "token_expiration_min": "1.01"}
    launcher = Launcher(folder / "run", folder / "store", **tokens)
    yield launcher
    launcher("stop")
    shutil.rmtree(folder)


def connect(launcher: Launcher) -> Connection:
    return Connection(Endpoints.of_runtime_dir(launcher.directory.path))


def test_what_was_served_comes_back_after_a_restart_and_rollback_undoes_the_last_change(launcher: Launcher) -> None:
    folder = launcher.settings.store.parent
    assert launcher("start").returncode == 0
    build(folder, NEW)
    with connect(launcher) as connection:
        first = keys(launcher.directory)
        connection.management.register(f"{MODEL}-{NEW}.mar")
        add_workers(connection.management, MODEL, NEW, workers=1, runtime_directory=launcher.directory)
        promote(connection, MODEL, NEW)
        for client in (connection.rest(), connection.grpc()):
            with client:
                assert client.predict(IMAGE).model_version == NEW
    assert set(keys(launcher.directory)).isdisjoint(first), "less than a minute was left: both are new"
    assert launcher("stop").returncode == 0
    mark_refused(build(folder, "2.1"), "accuracy fell")
    build(folder, "2.2")
    again = launcher("start")
    assert "2.1.mar is not loaded: a rollout refused it (accuracy fell)" in again.stdout
    assert "2.2.mar is not loaded: cifar10 2.2 was not served before" in again.stdout
    with connect(launcher) as connection:
        found = connection.management.versions(MODEL)
        assert [(version.version, version.is_default, version.wanted_workers) for version in found] == [
            (OLD, False, this_machine().workers),
            (NEW, True, 1),
        ]
        connection.management.set_default(MODEL, OLD)  # as any client of the management API may
        assert roll_back(connection, MODEL) == (OLD, NEW)
        assert roll_back(connection, MODEL) == (NEW, OLD)
        with pytest.raises(NoEarlierVersionError):
            roll_back(connection, MODEL)


def keys(runtime_directory: RuntimeDirectory) -> list[str]:
    found = json.loads(runtime_directory.key_file.read_text())
    return [found[kind]["key"] for kind in ("inference", "management")]
