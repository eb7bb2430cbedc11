"""The state that a start comes back to: completed changes, read with doubt."""

import json
from pathlib import Path

import pytest

from pixserve.records import ModelVersion, Worker
from pixserve.runtime_directory import RuntimeDirectory
from serving.state import ServedModel, ServedVersion, State, read_state, updated, write_state
from tests.serving.sample_archives import make_archive

PETS: State = {"pets": ServedModel("1.0", {"1.0": ServedVersion("pets-1.0.mar", "aa", 2)})}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    for version in ("1.0", "2.0"):
        make_archive(tmp_path, "pets", version)
    return tmp_path


def running(version: str, *, default: bool = False, workers: int = 2, ready: int = 2) -> ModelVersion:
    """What the management API says of a version."""
    return ModelVersion(
        model="pets",
        version=version,
        archive=f"pets-{version}.mar",
        is_default=default,
        workers=tuple(Worker(str(9000 + index), index, index < ready, "") for index in range(workers)),
        wanted_workers=workers,
        queued=0,
        queue_room=100,
        batch_size=1,
        batch_delay_ms=1,
    )


def test_what_was_written_is_read(tmp_path):
    write_state(RuntimeDirectory(tmp_path), PETS | {"cars": ServedModel()})
    assert read_state(RuntimeDirectory(tmp_path)) == PETS | {"cars": ServedModel()}


def test_before_the_first_completed_start_there_is_no_state(tmp_path):
    assert read_state(RuntimeDirectory(tmp_path)) is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"models": {"pets": {"default": "2.0", "versions": {}}}}',
        '{"models": {"pets": {"default": null, "versions": {"1.0": {"archive": "a", "sha256": "", "workers": 0}}}}}',
    ],
)
def test_a_state_that_makes_no_sense_is_set_aside_with_a_warning(tmp_path, capsys, content):
    directory = RuntimeDirectory(tmp_path)
    directory.state.write_text(content)
    assert read_state(directory) is None
    assert "state.json.unreadable" in capsys.readouterr().err
    assert not directory.state.exists()


def test_a_completed_change_is_in_the_state(store):
    state, completed = updated(PETS, [running("1.0", workers=1), running("2.0", default=True)], store=store)
    assert completed
    assert state["pets"].default == "2.0"
    assert {version: served.workers for version, served in state["pets"].versions.items()} == {"1.0": 1, "2.0": 2}
    assert state["pets"].versions["1.0"].sha256 == "aa", "the digest is that of the archive when it was loaded"
    assert len(state["pets"].versions["2.0"].sha256) == 64


def test_a_version_that_is_still_loading_is_not_in_the_state(store):
    state, completed = updated(PETS, [running("1.0", default=True), running("2.0", ready=1)], store=store)
    assert not completed
    assert state == PETS


def test_a_version_whose_worker_is_being_started_again_is_as_it_was(store):
    state, completed = updated(PETS, [running("1.0", default=True, workers=4, ready=3)], store=store)
    assert not completed
    assert state == PETS


def test_a_default_that_never_loaded_is_not_the_default_to_come_back_to(store):
    state, _ = updated(PETS, [running("1.0"), running("2.0", default=True, ready=0)], store=store)
    assert (state["pets"].default, list(state["pets"].versions)) == ("1.0", ["1.0"])


def test_a_version_that_was_unregistered_is_forgotten_and_its_model_is_not(store):
    assert updated(PETS, [], store=store) == ({"pets": ServedModel()}, True)


def test_the_file_is_for_people_too(tmp_path):
    write_state(RuntimeDirectory(tmp_path), PETS)
    assert json.loads((tmp_path / "state.json").read_text())["models"]["pets"]["default"] == "1.0"
