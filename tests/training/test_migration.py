"""Records, weights and checkpoints of the first release, as it wrote them, brought to today's names."""

import hashlib
import json
import shutil

import pytest
import torch
from typer.testing import CliRunner

import train
from tests.training.first_release import old_checkpoint, old_record, old_state
from training.networks import load_network
from training.record import read_record


def run(*arguments):
    return CliRunner().invoke(train.app, [str(each) for each in arguments])


def fast(pictures, folder, *options):
    result = run(
        "fast", f"--source={pictures}", f"--out={folder}", f"--checkpoint={folder}/c.pt", "--no-export", *options
    )
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="module")
def trained(pictures, tmp_path_factory):
    """What `fast` writes after one epoch, with its checkpoint; not to be changed."""
    folder = tmp_path_factory.mktemp("trained")
    fast(pictures, folder, "--version=2.0", "--epochs=1", "--validation-fraction=0.25", "--no-export")
    return folder


@pytest.fixture
def old(trained, tmp_path):
    """The same as the first release wrote it."""
    folder = shutil.copytree(trained, tmp_path / "old")
    record, weights = folder / "cifar10-2.0.json", folder / "cifar10-2.0.pt"
    record.write_text(json.dumps(old_record(json.loads(record.read_text()))))
    torch.save(old_state(torch.load(weights)), weights)
    torch.save(old_checkpoint(torch.load(folder / "c.pt")), folder / "c.pt")
    return folder


def test_an_old_record_is_refused_with_the_command_that_migrates_it(old):
    result = run("evaluate", old / "cifar10-2.0.pt")
    assert result.exit_code == 1
    assert f"migrate it with `python train.py migrate {old}/cifar10-2.0.json`" in result.output
    assert result.output.count("\n") == 1


def test_old_weights_are_refused_by_the_network_itself_with_the_command(old, trained):
    shutil.copy(trained / "cifar10-2.0.json", old)
    result = run("evaluate", old / "cifar10-2.0.pt")
    assert result.exit_code == 1
    assert "python train.py migrate RECORD" in result.output


def test_a_migrated_record_and_its_weights_are_those_of_today(old, trained):
    result = run("migrate", old / "cifar10-2.0.json")
    assert result.exit_code == 0
    assert f"{old}/cifar10-2.0.json: migrated" in result.output
    assert f"next: python train.py export {old}/cifar10-2.0.pt --source SOURCE" in result.output
    network, record = load_network(old / "cifar10-2.0.pt")
    expected_network, expected = load_network(trained / "cifar10-2.0.pt")
    assert list(record) == list(expected)
    assert record.pop("weights")["sha256"] == hashlib.sha256((old / "cifar10-2.0.pt").read_bytes()).hexdigest()
    expected.pop("weights")
    assert record == expected
    for one, other in zip(network.state_dict().values(), expected_network.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_migrating_twice_changes_nothing_more(old):
    run("migrate", old / "cifar10-2.0.json")
    before = {path: path.read_bytes() for path in old.iterdir()}
    result = run("migrate", old / "cifar10-2.0.json")
    assert (result.exit_code, result.output.strip()) == (0, f"{old}/cifar10-2.0.json: up to date")
    assert {path: path.read_bytes() for path in old.iterdir()} == before


def test_a_migration_cut_short_between_weights_and_record_can_be_repeated(old, trained):
    shutil.copy(trained / "cifar10-2.0.pt", old)
    assert "migrated" in run("migrate", old / "cifar10-2.0.json").output
    load_network(old / "cifar10-2.0.pt")


def test_an_old_checkpoint_is_refused_with_the_command_and_resumes_once_migrated(pictures, old):
    where = [f"--source={pictures}", f"--out={old}/more", f"--checkpoint={old}/c.pt", "--version=2.0"]
    again = ["fast", *where, "--no-export", "--epochs=2", "--validation-fraction=0.25", "--resume", "--no-export"]
    result = run(*again)
    assert result.exit_code == 1
    assert f"migrate it with `python train.py migrate {old}/c.pt`" in result.output
    assert run("migrate", old / "c.pt").output.strip().endswith("migrated")
    assert run("migrate", old / "c.pt").output.strip().endswith("up to date")
    result = run(*again)
    assert result.exit_code == 0, result.output
    assert "epoch 1/2" not in result.output


def test_the_runs_before_and_the_teachers_are_migrated_too(old):
    path = old / "cifar10-2.0.json"
    record = json.loads(path.read_text())
    earlier = {"sha256": "0" * 64, **record["training"]}
    teacher = {"sha256": "1" * 64, "flops_per_picture": 1, "accuracy": 1.0, "command": "python train.py fast"}
    teacher["recipe"] = record["training"]["recipe"]
    command = "python train.py distil --start-from a.pt --taught-by=b.pt --validation 0.1 --source distil"
    record["training"] |= {"earlier": earlier, "taught_by": [teacher], "command": command}
    path.write_text(json.dumps(record))
    run("migrate", path)
    training = read_record(path)["training"]
    assert training["initial_weights"]["recipe"] == training["recipe"]
    assert training["command"] == (
        "python train.py distill --initial-weights a.pt --teacher=b.pt --validation-fraction 0.1 --source distil"
    )
    assert training["teachers"] == [
        {key: teacher[key] for key in ("sha256", "accuracy", "command")}
        | {"flops_per_image": 1, "recipe": training["recipe"]}
    ]


def test_the_shipped_records_are_up_to_date():
    for version in ("1.0", "2.0"):
        result = run("migrate", f"model/cifar10-{version}.json")
        assert result.output.strip().endswith("up to date")


@pytest.mark.parametrize("content", ["", "[]", '{"model_name": "x"}', "\x00"])
def test_what_is_no_record_is_refused_in_one_sentence(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    result = run("migrate", tmp_path / "x.json")
    assert result.exit_code == 1
    assert "x.json" in result.output
    assert result.output.count("\n") == 1
