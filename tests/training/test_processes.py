"""Two true processes under torchrun train what one trains alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.training.training_images import make_pictures

ROOT = Path(__file__).parents[2]


def train(*launcher, pictures, out, recipe):
    command = [
        *launcher,
        "train.py",
        recipe,
        f"--source={pictures}",
        f"--out={out}",
        f"--checkpoint={out}/c.pt",
        "--no-export",
    ]
    done = subprocess.run(
        [sys.executable, *command, "--version=0.1", "--epochs=2"],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,  # a busy machine starts processes slowly
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("recipe", ["lenet", "fast"])
def test_two_processes_share_every_batch_and_one_writes(tmp_path, recipe):
    pictures = make_pictures(tmp_path / "colours", train=20)
    alone, together = tmp_path / "alone", tmp_path / "together"
    train(pictures=pictures, out=alone, recipe=recipe)
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    output = train(*torchrun, pictures=pictures, out=together, recipe=recipe)
    assert output.count("epoch 2/2") == 1  # one speaks
    record = json.loads((together / "cifar10-0.1.json").read_text())
    assert record["training"]["machine"]["processes"] == 2
    assert record["training"]["command"].startswith("torchrun --nproc-per-node 2 train.py")
    one, two = (torch.load(folder / "cifar10-0.1.pt", weights_only=True) for folder in (alone, together))
    assert one.keys() == two.keys()
    histories = [
        json.loads((folder / "cifar10-0.1.json").read_text())["training"]["history"] for folder in (alone, together)
    ]
    losses = [[epoch["train_loss"] for epoch in history] for history in histories]
    if recipe == "lenet":  # no running statistics, no augmentation: the same gradients, summed
        assert losses[1] == pytest.approx(losses[0], rel=1e-3)
        for name in one:
            torch.testing.assert_close(two[name], one[name], rtol=1e-3, atol=1e-4)
    else:  # each process draws its own augmentation, and has batch statistics of its own
        assert losses[1] == pytest.approx(losses[0], rel=0.25)
