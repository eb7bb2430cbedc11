"""`train.py finetune`, as tests call it."""

import json

from typer.testing import CliRunner

import train

NETWORK, SIDE = "mobilenet_v3_small", 64


def finetune(source, out, *options):
    arguments = ["--network", NETWORK, "--weights=none", f"--image-size={SIDE}", "--epochs=3", "--batch-size=9"]
    where = [f"--source={source}", f"--out={out}", "--name=colours", "--version=1.0"]
    return CliRunner().invoke(train.app, ["finetune", *arguments, *where, *map(str, options)])


def record_in(folder):
    return json.loads((folder / "colours-1.0.json").read_text())
