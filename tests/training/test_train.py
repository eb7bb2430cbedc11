"""The true command line, on three small classes of generated pictures."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys

import pytest
import torch
import typer
from typer.testing import CliRunner

import train
from tests.training.train_command import evaluate, lenet
from training.destination import SHIPPED
from training.networks import load_network
from training.options import RunOptions
from training.recipes import RECIPES


def test_a_folder_gives_weights_a_record_and_charts(pictures, tmp_path):
    result = lenet(pictures, tmp_path, "--name=colours", "--version=0.1")
    assert result.exit_code == 0, result.output
    assert "epoch 2/2" in result.output
    assert "test accuracy" in result.output
    names = {path.name for path in tmp_path.iterdir()} - {"c.pt"}
    stem = "colours-0.1"
    assert names == {
        f"{stem}.pt",
        f"{stem}.json",
        f"{stem}-curves.png",
        f"{stem}-confusion.png",
        f"{stem}-reliability.png",
    }


def test_the_record_says_what_was_trained_on_what_and_how_good_it_is(pictures, tmp_path):
    lenet(pictures, tmp_path, "--seed=3", "--source-note=three colours", "--class-names=b,g,r")
    text = (tmp_path / "cifar10-1.0.json").read_text()
    record = json.loads(text)
    assert (record["model_name"], record["version"]) == ("cifar10", "1.0")
    assert (record["network"], record["class_names"]) == ("lenet", ["b", "g", "r"])
    assert record["test"]["n"] == record["data"]["test"] == 12
    assert record["test"]["recall"].keys() == {"b", "g", "r"}
    assert (record["data"]["source"], record["data"]["train"]) == ("three colours", 36)
    assert record["training"]["seed"] == 3
    assert record["training"]["recipe"]["learning_rate"] == 0.001
    assert record["training"]["command"].startswith("python ")
    assert str(tmp_path.parent) not in text  # no place of this machine


def test_the_weights_load_by_their_record_and_repeat_its_accuracy(pictures, tmp_path):
    lenet(pictures, tmp_path)
    network, record = load_network(tmp_path / "cifar10-1.0.pt")
    assert network(torch.zeros(2, 3, 32, 32, dtype=torch.uint8)).shape == (2, 3)
    assert record["weights"]["bytes"] == (tmp_path / "cifar10-1.0.pt").stat().st_size


def test_held_out_pictures_choose_the_epoch(pictures, tmp_path):
    result = lenet(pictures, tmp_path, "--validation-fraction=0.25")
    assert "validation" in result.output
    record = json.loads((tmp_path / "cifar10-1.0.json").read_text())
    assert (record["data"]["train"], record["data"]["validation"]) == (27, 9)
    assert record["training"]["selected_by"] == "validation accuracy"


def test_the_residual_network_is_calibrated_on_held_out_pictures(pictures, tmp_path):
    arguments = [f"--source={pictures}", f"--out={tmp_path}", f"--checkpoint={tmp_path}/c.pt", "--no-export"]
    result = CliRunner().invoke(
        train.app, ["fast", *arguments, "--epochs=3", "--validation-fraction=0.25", "--version=0.2"]
    )
    assert result.exit_code == 0, result.output
    network, record = load_network(tmp_path / "cifar10-0.2.pt")
    assert record["calibration"]["fitted_on"] == 9
    assert network.calibration.tolist() == pytest.approx(record["calibration"]["coefficients"], rel=1e-4)
    assert record["training"]["recipe"]["augmentation"]["horizontal_flip"]


def test_a_bad_source_is_one_sentence_and_nothing_is_written(pictures, tmp_path):
    shutil.copytree(pictures, tmp_path / "bad")
    (tmp_path / "bad" / "test" / "red" / "0.png").write_bytes(b"no picture")
    result = lenet(tmp_path / "bad", tmp_path / "out")
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert "0.png: no image" in result.output
    assert not (tmp_path / "out").exists()


def test_a_run_without_a_place_gets_a_folder_and_a_version_of_its_own_and_says_what_comes_next(
    pictures, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    shipped = {path: path.read_bytes() for path in SHIPPED.iterdir() if path.is_file()}
    for version in ("4.0", "5.0"):  # 1.0, 2.0 and 3.0 are shipped
        result = CliRunner().invoke(train.app, ["lenet", f"--source={pictures}", "--epochs=1", "--no-export"])
        assert result.exit_code == 0, result.output
        record = f"runs/cifar10-{version}/cifar10-{version}.json"
        assert f"next: python archive.py {record}" in result.output
        assert json.loads((tmp_path / record).read_text())["version"] == version
    assert {path: path.read_bytes() for path in SHIPPED.iterdir() if path.is_file()} == shipped


@pytest.mark.parametrize("wrong", ["--name=my pets", "--version=1.0-final", "--version=2.0"])
def test_what_cannot_be_named_so_is_refused_before_any_image_is_read(tmp_path, monkeypatch, wrong):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(train.app, ["fast", "--source=nowhere", wrong])
    assert result.exit_code == 1
    assert wrong.partition("=")[2] in result.output
    assert "nowhere" not in result.output
    assert result.output.count("\n") == 1


def test_a_folder_that_cannot_be_written_to_is_found_before_the_first_epoch(pictures):
    result = CliRunner().invoke(train.app, ["lenet", f"--source={pictures}", "--out=/proc/nowhere"])
    assert result.exit_code == 1
    assert result.output.startswith("error: /proc/nowhere cannot be written to (")
    assert result.output.count("\n") == 1


def test_what_is_passed_over_is_said_by_training_and_by_evaluation(pictures, tmp_path):
    images = shutil.copytree(pictures, tmp_path / "images")
    (images / "test" / "red" / "notes.txt").write_text("…")
    for result in (lenet(images, tmp_path), evaluate(images, tmp_path)):
        assert "test: 1 passed over, not <class>/<image file>: red/notes.txt" in result.output


def test_class_names_beyond_the_locale_are_recorded_and_printed(pictures, tmp_path):
    images = shutil.copytree(pictures, tmp_path / "images")
    for part in ("train", "test"):
        (images / part / "red").rename(images / part / "röd 赤")
    narrow = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}

    def run(*arguments):
        command = [sys.executable, "train.py", *arguments, f"--source={images}", f"--out={tmp_path}"]
        done = subprocess.run(
            command, cwd=SHIPPED.parent, env=os.environ | narrow, capture_output=True, text=True, encoding="utf-8"
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("lenet", "--version=1.0", "--no-export")
    record = json.loads((tmp_path / "cifar10-1.0.json").read_bytes())
    assert record["class_names"] == ["blue", "green", "röd 赤"]
    assert "r?d ?" in run("evaluate", f"{tmp_path}/cifar10-1.0.pt")


def test_without_torch_one_sentence_names_the_make_command(tmp_path):
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "train.py"]
    done = subprocess.run(command, cwd=SHIPPED.parent, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "has no package torch: install what training needs with `make environments`" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_options_of_a_run_are_those_of_every_recipes_command(recipe):
    command = typer.main.get_command(train.app).commands[recipe]
    options = {parameter.name for parameter in command.params} - {"help"}
    assert options == {field.name for field in dataclasses.fields(RunOptions)}
