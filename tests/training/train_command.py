"""The commands of `train.py`, as tests call them."""

import torch
from typer.testing import CliRunner

import train


def lenet(pictures, folder, *options):
    """Run ``train.py lenet`` into ``folder``, as version 1.0, and give back what it said and its exit status."""
    where = [f"--source={pictures}", f"--out={folder}", f"--checkpoint={folder}/c.pt", "--version=1.0"]
    arguments = ["lenet", *where, "--no-export", *options]
    return CliRunner().invoke(train.app, arguments)


def weights(folder):
    return torch.load(folder / "cifar10-1.0.pt", weights_only=True)


def evaluate(images, folder):
    arguments = [f"{folder}/cifar10-1.0.pt", f"--source={images}", f"--out={folder}"]
    return CliRunner().invoke(train.app, ["evaluate", *arguments])
