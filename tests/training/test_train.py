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
from training import loop
from training.destination import SHIPPED
from training.networks import load_network
from training.options import RunOptions
from training.recipes import RECIPES


def lenet(pictures, folder, *options):
    """Run ``train.py lenet`` into ``folder``, as version 1.0, and give back what it said and its exit status."""
    where = [f"--source={pictures}", f"--out={folder}", f"--checkpoint={folder}/c.pt", "--version=1.0"]
    arguments = ["lenet", *where, "--no-export", *options]
    return CliRunner().invoke(train.app, arguments)


def weights(folder):
    return torch.load(folder / "cifar10-1.0.pt", weights_only=True)


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


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


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(pictures, tmp_path):
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        lenet(pictures, tmp_path / folder, f"--seed={seed}")
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "c"))


def test_an_interrupted_run_resumes_to_the_weights_of_an_uninterrupted_one(pictures, tmp_path, monkeypatch):
    lenet(pictures, tmp_path / "whole")
    with monkeypatch.context() as patch:
        interrupt_in_epoch(patch, 2)
        result = lenet(pictures, tmp_path / "cut")
    assert result.exit_code == 130
    assert "--resume" in result.output
    result = lenet(pictures, tmp_path / "cut", "--resume")
    assert "epoch 1/2" not in result.output
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))


def interrupt_in_epoch(patch, epoch):
    """Press Ctrl-C in the middle of an epoch."""
    step = loop.Trainer._step

    def interrupted(self, *arguments, **options):
        if self.progress.epoch == epoch - 1 and torch.rand(()) < 0.5:
            raise KeyboardInterrupt
        return step(self, *arguments, **options)

    patch.setattr(loop.Trainer, "_step", interrupted)


def test_checkpoints_can_be_kept_apart_and_the_last_epoch_has_one_in_any_case(pictures, tmp_path, monkeypatch):
    saved, save = [], loop.Trainer.save
    monkeypatch.setattr(
        loop.Trainer, "save", lambda self, *given, **how: saved.append(self.progress.epoch) or save(self, *given, **how)
    )
    lenet(pictures, tmp_path, "--epochs=3", "--checkpoint-every-s=600")
    assert saved == [3]
    lenet(pictures, tmp_path, "--epochs=3", "--overwrite")
    assert saved == [3, 1, 2, 3]


def test_a_finished_run_can_be_given_more_epochs(pictures, tmp_path):
    lenet(pictures, tmp_path / "whole", "--epochs=3")
    lenet(pictures, tmp_path / "grown", "--epochs=1")
    lenet(pictures, tmp_path / "grown", "--epochs=3", "--resume", "--overwrite")
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "grown"))
    history = json.loads((tmp_path / "grown" / "cifar10-1.0.json").read_text())["training"]["history"]
    assert [each["planned_epochs"] for each in history] == [1, 3, 3]


def test_resuming_without_a_checkpoint_says_so(pictures, tmp_path):
    result = lenet(pictures, tmp_path, "--resume")
    assert result.exit_code == 1
    assert "start without --resume" in result.output


def test_resuming_with_another_seed_is_refused(pictures, tmp_path):
    lenet(pictures, tmp_path, "--seed=1")
    result = lenet(pictures, tmp_path, "--seed=2", "--resume", "--overwrite")
    assert result.exit_code == 1
    assert "it differs in seed" in result.output


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


def test_evaluation_of_any_weights_shows_classes_and_draws_the_mistakes(pictures, tmp_path):
    lenet(pictures, tmp_path)
    result = CliRunner().invoke(
        train.app, ["evaluate", f"{tmp_path}/cifar10-1.0.pt", f"--source={pictures}", f"--out={tmp_path}/charts"]
    )
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "cifar10-1.0.json").read_text())
    assert f"accuracy {record['test']['accuracy']:.2%} of 12 images" in result.output
    assert {path.name for path in (tmp_path / "charts").iterdir()} == {
        f"cifar10-1.0-{kind}.png" for kind in ("confusion", "reliability", "mistakes")
    }


def test_evaluating_weights_that_are_none_is_one_sentence(pictures, tmp_path):
    result = CliRunner().invoke(train.app, ["evaluate", f"{tmp_path}/none.pt", f"--source={pictures}"])
    assert result.exit_code == 1
    assert "There is no" in result.output


def test_the_model_card_is_written_from_the_records(pictures, tmp_path):
    lenet(pictures, tmp_path / "model", "--source-note=three colours")
    result = CliRunner().invoke(train.app, ["card", f"{tmp_path}/model", f"--out={tmp_path}/card.md"])
    assert result.exit_code == 0, result.output
    record, card = json.loads((tmp_path / "model" / "cifar10-1.0.json").read_text()), (tmp_path / "card.md").read_text()
    assert f"{record['test']['accuracy']:.2%}" in card
    assert "three colours: 36 to train on" in card
    assert "](model/cifar10-1.0-confusion.png)" in card


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


def evaluate(images, folder):
    arguments = [f"{folder}/cifar10-1.0.pt", f"--source={images}", f"--out={folder}"]
    return CliRunner().invoke(train.app, ["evaluate", *arguments])


def test_what_is_passed_over_is_said_by_training_and_by_evaluation(pictures, tmp_path):
    images = shutil.copytree(pictures, tmp_path / "images")
    (images / "test" / "red" / "notes.txt").write_text("…")
    for result in (lenet(images, tmp_path), evaluate(images, tmp_path)):
        assert "test: 1 passed over, not <class>/<image file>: red/notes.txt" in result.output


def test_evaluation_names_the_odd_folder_and_stops(pictures, tmp_path):
    lenet(pictures, tmp_path)
    images = shutil.copytree(pictures, tmp_path / "images")
    for part in ("train", "test"):
        (images / part / "red").rename(images / part / "Red")
    result = evaluate(images, tmp_path)
    assert result.exit_code == 1
    assert "Red is none of blue, green, red" in result.output


def test_a_model_with_other_class_names_is_evaluated_on_its_own_folders_by_their_names(pictures, tmp_path):
    lenet(pictures, tmp_path, "--class-names=b,g,r")
    images = shutil.copytree(pictures, tmp_path / "images")
    for part in ("train", "test"):
        shutil.rmtree(images / part / "blue")
    result = evaluate(images, tmp_path)
    assert result.exit_code == 0, result.output
    assert "of 8 images" in result.output
    assert "by order" not in result.output


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


def test_the_card_has_versions_in_peoples_order(pictures, tmp_path):
    lenet(pictures, tmp_path / "model", "--version=2.0")
    record = json.loads((tmp_path / "model" / "cifar10-2.0.json").read_text())
    (tmp_path / "model" / "cifar10-10.0.json").write_text(json.dumps(record | {"version": "10.0"}))
    CliRunner().invoke(train.app, ["card", f"{tmp_path}/model", f"--out={tmp_path}/card.md"])
    card = (tmp_path / "card.md").read_text()
    assert card.index("## cifar10 2.0") < card.index("## cifar10 10.0")
