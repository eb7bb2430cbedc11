"""What a run's output is called and where it goes: nothing is written over, nothing is named that cannot be served."""

from pathlib import Path

import pytest

from training.destination import check_names, choose_destination, claimed, next_version, version_key
from training.errors import OutputError
from training.options import RunOptions


@pytest.fixture(autouse=True)
def working_folder(tmp_path, monkeypatch):
    """Runs go into a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(*paths):
    for path in map(Path, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def chosen(**options):
    return choose_destination(RunOptions(**options))


@pytest.mark.parametrize("name", ["my pets", "", "-pets", ".pets", "pets/cats", "pets:1", "Haustüre", "x" * 101])
def test_a_name_that_cannot_be_packed_or_served_is_refused(name):
    with pytest.raises(OutputError, match="cannot be packed or served"):
        check_names(RunOptions(name=name))


@pytest.mark.parametrize("version", ["", "one", "1.0-2", "1.0+gpu", "1 0", "1/0", "1!2.0", "1.0\n"])
def test_a_version_that_cannot_be_ordered_or_served_is_refused(version):
    with pytest.raises(OutputError, match="cannot be ordered or served"):
        check_names(RunOptions(version=version))


@pytest.mark.parametrize(("name", "version"), [("pets", "1.0"), ("my-pets_2.x", "3.0rc1"), ("9lives", "10")])
def test_names_and_versions_that_can_be_served_are_taken(name, version):
    check_names(RunOptions(name=name, version=version))


def test_a_first_run_is_version_1_in_a_folder_of_its_own():
    destination = chosen(name="pets")
    assert destination.path(".json") == Path("runs/pets-1.0/pets-1.0.json")
    assert destination.checkpoint == Path("runs/pets-1.0/pets-1.0.checkpoint.pt")


def test_the_next_version_comes_after_those_that_are_shipped():
    assert chosen().folder == Path("runs/cifar10-4.0")


def test_the_next_version_comes_after_all_runs_wherever_they_lie_in_peoples_order():
    touch("runs/pets-9.0/pets-9.0.json", "runs/mine/pets-10.1.pt", "runs/pets-cats-20.0.json", "runs/pets-x.json")
    assert chosen(name="pets").version == "11.0"
    touch("runs/pets-12.0rc1/pets-12.0rc1.checkpoint.pt")
    assert chosen(name="pets").version == "13.0"


def test_versions_are_in_peoples_order():
    versions = ["10.0", "2.0", "v9", "2.0rc1", "odd", "1.10"]
    assert sorted(versions, key=version_key) == ["odd", "1.10", "2.0rc1", "2.0", "v9", "10.0"]
    assert next_version(versions) == "11.0"


@pytest.mark.parametrize("suffix", [".pt", ".json", "-curves.png", ".checkpoint.pt"])
def test_existing_files_are_written_over_only_when_told(suffix):
    touch(f"mine/pets-1.0{suffix}")
    options = {"name": "pets", "version": "1.0", "out": Path("mine")}
    with pytest.raises(OutputError, match=r"mine/pets-1\.0.* exists: leave --version out .*--overwrite"):
        chosen(**options)
    assert chosen(**options, overwrite=True).path(".pt") == Path("mine/pets-1.0.pt")


def test_a_shipped_version_is_not_taken_again():
    with pytest.raises(OutputError, match=r"cifar10-1\.0\S* exists: .*the next free version \(4\.0\)"):
        chosen(version="1.0")


def test_resuming_goes_on_with_the_newest_checkpoint():
    touch("runs/pets-9.0/pets-9.0.checkpoint.pt", "runs/pets-10.0/pets-10.0.checkpoint.pt")
    assert chosen(name="pets", resume=True).checkpoint == Path("runs/pets-10.0/pets-10.0.checkpoint.pt")


def test_a_finished_run_is_resumed_only_when_its_output_may_be_replaced():
    touch("runs/pets-1.0/pets-1.0.checkpoint.pt", "runs/pets-1.0/pets-1.0.json")
    with pytest.raises(OutputError, match="--overwrite"):
        chosen(name="pets", resume=True)
    assert chosen(name="pets", resume=True, overwrite=True).version == "1.0"


def test_a_folder_that_cannot_be_written_to_is_found_out():
    touch("file")
    for options in ({"out": Path("file/x")}, {"out": Path("/proc/x")}, {"checkpoint": Path("/proc/x/c.pt")}):
        with pytest.raises(OutputError, match="cannot be written to"), claimed(chosen(name="pets", **options)):
            pytest.fail("the run has begun")
    assert not Path("runs/pets-1.0").exists()


def test_a_run_that_leaves_nothing_leaves_no_folder():
    with claimed(chosen(name="pets")) as destination:
        assert destination.folder.is_dir()
    assert not destination.folder.exists()


def test_two_runs_at_once_never_share_a_folder():
    one, other = chosen(name="pets"), chosen(name="pets")
    with claimed(one), pytest.raises(OutputError, match="File exists"), claimed(other):
        pytest.fail("the second run has begun")
