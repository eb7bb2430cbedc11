"""Pictures of one's own, from a folder to a served answer: the three commands of the README."""

import subprocess
import sys
from pathlib import Path

import requests
from tests.unit.training_pictures import COLOURS, make_pictures

from serving.server import Server
from serving.settings import PROJECT, Settings


def run(*command: str | Path) -> None:
    subprocess.run([sys.executable, *map(str, command)], cwd=PROJECT, check=True, capture_output=True, timeout=300)


def test_a_folder_of_three_classes_is_trained_packed_and_served_with_its_own_names(tmp_path, runtime_dir):
    pictures = make_pictures(tmp_path / "pictures", train=60, test=4)
    checkpoint = tmp_path / "checkpoint.pt"
    names = ("--name", "colours", "--version", "0.1", "--out", tmp_path, "--checkpoint", checkpoint)
    run("train.py", "lenet", "--source", pictures, "--epochs", "8", *names)
    run("archive.py", tmp_path / "colours-0.1.json", "--store", tmp_path / "store")
    with Server(Settings.isolated(runtime_dir, tmp_path / "store")) as server:
        server.wait_until_ready()
        for name in COLOURS:
            body = (pictures / "test" / name / "0.png").read_bytes()
            answer = requests.post(f"{server.settings.inference}/predictions/colours", data=body, timeout=30).json()
            assert answer["class_name"] == name
            assert {entry["class_name"] for entry in answer["top"]} == set(COLOURS)
            assert answer["model_version"] == "0.1"
