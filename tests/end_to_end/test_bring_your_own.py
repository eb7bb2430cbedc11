"""From a folder of images to a served answer: train, pack what training says comes next, serve."""

import subprocess
import sys
from pathlib import Path

import requests

from serving.server import Server
from serving.settings import PROJECT, Settings
from tests.training.training_images import COLOURS, make_pictures


def run(program: str, *arguments: str, cwd: Path) -> str:
    """What a command of ours prints, started in another folder."""
    command = [sys.executable, str(PROJECT / program), *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_folder_of_three_classes_is_trained_packed_and_served_with_its_own_names(tmp_path, runtime_dir):
    images = make_pictures(tmp_path / "my-images", train=60, test=4)
    output = run("train.py", "lenet", "--source=my-images", "--name=colours", "--epochs=8", cwd=tmp_path)
    python, *packing = output.splitlines()[-1].removeprefix("next: ").split()
    assert (python, packing) == ("python", ["archive.py", "runs/colours-1.0/colours-1.0.json"])
    run(*packing, f"--store={tmp_path}/store", cwd=tmp_path)
    with Server(Settings.isolated(runtime_dir, tmp_path / "store")) as server:
        server.wait_until_ready()
        for name in COLOURS:
            body = (images / "test" / name / "0.png").read_bytes()
            answer = requests.post(f"{server.settings.inference}/predictions/colours", data=body, timeout=30).json()
            assert answer["class_name"] == name
            assert {entry["class_name"] for entry in answer["top"]} == set(COLOURS)
            assert answer["model_version"] == "1.0"
