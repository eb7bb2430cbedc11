"""Runs of `train.py` that were interrupted, resumed or given more epochs."""

import json

import torch

from tests.training.train_command import lenet, weights
from training import loop


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


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
