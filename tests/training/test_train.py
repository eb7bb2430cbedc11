"""The true command line, on three small classes of generated pictures."""

import json
import shutil

import pytest
import torch
from typer.testing import CliRunner

import train
from training import loop
from training.networks import load_network


def lenet(pictures, folder, *options):
    """Run ``train.py lenet`` into ``folder`` and give back what it said and its exit status."""
    arguments = ["lenet", f"--source={pictures}", f"--out={folder}", f"--checkpoint={folder}/c.pt", *options]
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
    lenet(pictures, tmp_path, "--epochs=3")
    assert saved == [3, 1, 2, 3]


def test_a_finished_run_can_be_given_more_epochs(pictures, tmp_path):
    lenet(pictures, tmp_path / "whole", "--epochs=3")
    lenet(pictures, tmp_path / "grown", "--epochs=1")
    lenet(pictures, tmp_path / "grown", "--epochs=3", "--resume")
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "grown"))
    history = json.loads((tmp_path / "grown" / "cifar10-1.0.json").read_text())["training"]["history"]
    assert [each["planned_epochs"] for each in history] == [1, 3, 3]


def test_resuming_without_a_checkpoint_says_so(pictures, tmp_path):
    result = lenet(pictures, tmp_path, "--resume")
    assert result.exit_code == 1
    assert "start without --resume" in result.output


def test_resuming_with_another_seed_is_refused(pictures, tmp_path):
    lenet(pictures, tmp_path, "--seed=1")
    result = lenet(pictures, tmp_path, "--seed=2", "--resume")
    assert result.exit_code == 1
    assert "it differs in seed" in result.output


def test_held_out_pictures_choose_the_epoch(pictures, tmp_path):
    result = lenet(pictures, tmp_path, "--validation-fraction=0.25")
    assert "validation" in result.output
    record = json.loads((tmp_path / "cifar10-1.0.json").read_text())
    assert (record["data"]["train"], record["data"]["validation"]) == (27, 9)
    assert record["training"]["selected_by"] == "validation accuracy"


def test_the_residual_network_is_calibrated_on_held_out_pictures(pictures, tmp_path):
    arguments = [f"--source={pictures}", f"--out={tmp_path}", f"--checkpoint={tmp_path}/c.pt"]
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
    assert "0.png is not a readable picture" in result.output
    assert not (tmp_path / "out").exists()
