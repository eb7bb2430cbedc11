"""What a start loads: what was served before, and at first all that no rollout refused."""

import os
from pathlib import Path

import pytest

from pixserve.archive_signatures import sign
from pixserve.refused_archives import mark_refused
from pixserve.runtime_directory import RuntimeDirectory
from serving.archives import read_store
from serving.errors import ServingError
from serving.startup import Startup, plan_startup
from serving.state import ServedModel, ServedVersion, State
from tests.key_pairs import key_pair
from tests.serving.sample_archives import make_archive


@pytest.fixture
def directory(tmp_path: Path) -> RuntimeDirectory:
    return RuntimeDirectory(tmp_path / "run")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A model store with pets 1.0 and 2.0."""
    folder = tmp_path / "store"
    folder.mkdir()
    for version in ("1.0", "2.0"):
        make_archive(folder, "pets", version)
    return folder


def plan(store: Path, directory: RuntimeDirectory, before: State | None = None) -> Startup:
    return plan_startup(read_store(store), before, directory=directory, workers=3)


def defaults(startup: Startup, model: str = "pets") -> dict[str, bool]:
    versions = startup.snapshot("throughput")["models"].get(model, {})
    return {version: entry["defaultVersion"] for version, entry in versions.items()}


def served(store: Path, *versions: str, default: str, workers: int = 2) -> State:
    """The state after these versions of pets were served from the store as it is."""
    everything = plan_startup(read_store(store), None, directory=RuntimeDirectory(store), workers=workers)
    known = everything.state["pets"].versions
    return {"pets": ServedModel(default, {version: known[version] for version in versions})}


def test_at_first_everything_is_loaded_and_the_newest_version_is_the_default(store, directory):
    make_archive(store, "pets", "10.0")
    startup = plan(store, directory)
    assert defaults(startup) == {"1.0": False, "2.0": False, "10.0": True}
    assert startup.notes == ()


def test_a_snapshot_holds_the_settings_of_the_archive(store, directory):
    assert plan(store, directory).snapshot("throughput")["models"]["pets"]["2.0"] == {
        "marName": "pets-2.0.mar",
        "defaultVersion": True,
        "minWorkers": 3,
        "maxWorkers": 3,
        "batchSize": 16,
        "maxBatchDelay": 1,
    }


def test_the_latency_profile_runs_each_request_alone(store, directory):
    assert plan(store, directory).snapshot("latency")["models"]["pets"]["2.0"]["batchSize"] == 1


def test_default_and_workers_of_the_last_run_come_back(store, directory):
    startup = plan(store, directory, served(store, "1.0", "2.0", default="1.0", workers=5))
    assert defaults(startup) == {"1.0": True, "2.0": False}
    assert startup.snapshot("throughput")["models"]["pets"]["1.0"]["minWorkers"] == 5
    assert startup.notes == ()


def test_a_version_packed_since_is_not_loaded_whatever_its_time_and_one_sentence_says_how(store, directory):
    before = served(store, "1.0", default="1.0")
    late = 2_000_000_000
    os.utime(store / "pets-2.0.mar", (late, late))
    startup = plan(store, directory, before)
    assert startup.versions == {("pets", "1.0")}
    (note,) = startup.notes
    assert note.startswith("pets-2.0.mar is not loaded: pets 2.0 was not served before")
    assert "`pixserve register pets-2.0.mar`" in note


def test_a_model_that_is_new_in_the_store_is_loaded_beside_what_was_served(store, directory):
    before = served(store, "1.0", "2.0", default="1.0")
    make_archive(store, "cars", "1.0")
    startup = plan(store, directory, before)
    assert defaults(startup) == {"1.0": True, "2.0": False}
    assert defaults(startup, "cars") == {"1.0": True}


def test_an_archive_that_a_rollout_refused_is_never_loaded_by_a_start(store, directory):
    mark_refused(store / "pets-2.0.mar", "accuracy fell")
    for before in (None, served(store, "1.0", default="1.0")):
        startup = plan(store, directory, before)
        assert defaults(startup) == {"1.0": True}
        assert startup.notes == ("pets-2.0.mar is not loaded: a rollout refused it (accuracy fell)",)


def test_an_archive_of_other_content_under_the_same_name_is_loaded_with_a_sentence(store, directory):
    before = served(store, "1.0", "2.0", default="2.0")
    stamp = (store / "pets-1.0.mar").stat().st_mtime_ns
    make_archive(store, "pets", "1.0", content="retrained")
    os.utime(store / "pets-1.0.mar", ns=(stamp, stamp))
    startup = plan(store, directory, before)
    assert defaults(startup) == {"1.0": False, "2.0": True}
    assert startup.notes == ("pets-1.0.mar has changed since it was last served; it is loaded as it is now",)


def test_a_default_whose_archive_is_gone_is_replaced_with_a_sentence(store, directory):
    before = served(store, "1.0", "2.0", default="2.0")
    (store / "pets-2.0.mar").unlink()
    startup = plan(store, directory, before)
    assert defaults(startup) == {"1.0": True}
    assert startup.notes == (
        "pets 2.0 was served before; its archive pets-2.0.mar is not in the model store any more",
        "pets 2.0 was the default; 1.0 is the default now",
    )


def test_a_model_whose_archives_are_all_gone_is_named(store, directory):
    cars = {"cars": ServedModel("1.0", {"1.0": ServedVersion("cars-1.0.mar", "", 1)})}
    startup = plan(store, directory, served(store, "1.0", "2.0", default="1.0") | cars)
    assert startup.notes == ("cars 1.0 was served before; its archive cars-1.0.mar is not in the model store any more",)


def test_a_model_that_was_retired_stays_away(store, directory):
    make_archive(store, "cars", "1.0")
    startup = plan(store, directory, served(store, "1.0", "2.0", default="1.0") | {"cars": ServedModel()})
    assert {model for model, _ in startup.versions} == {"pets"}
    assert startup.state["cars"] == ServedModel()


def test_with_nothing_to_load_the_start_fails_at_once_with_a_way_out(store, directory):
    with pytest.raises(ServingError, match=rf"there is no version to serve: remove {directory.state}"):
        plan(store, directory, {"pets": ServedModel()})


def test_with_everything_refused_the_start_fails_at_once(store, directory):
    for path in store.glob("*.mar"):
        mark_refused(path, "accuracy fell")
    with pytest.raises(ServingError, match=r"there is no version to serve: pack another archive\npets-1.0.mar is not"):
        plan(store, directory)


def test_an_archive_without_a_valid_signature_is_not_loaded_where_a_key_is_configured(store, directory, tmp_path):
    private, public = key_pair(tmp_path, "ours")
    sign(store / "pets-1.0.mar", private_key=private)
    startup = plan_startup(read_store(store), None, directory=directory, workers=3, public_key=public)
    assert defaults(startup) == {"1.0": True}
    (note,) = startup.notes
    assert note.startswith("pets-2.0.mar is not loaded: pets-2.0.mar is not signed")
