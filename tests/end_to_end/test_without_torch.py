"""TorchServe serves without torch: in `.venv`, which `make serve` makes, and with a stand-in that only workers see."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import javaproperties
import pytest
import requests

from archive import CONFIG
from serving.environment import TORCH_STAND_IN, worker_environment
from serving.settings import PROJECT, Settings
from tests.conftest import CAT

SERVING_PYTHON = PROJECT / ".venv" / "bin" / "python"
# Answers which module `torch` its worker has imported; TorchServe asks of an object whether it is a tensor.
HANDLER = """
import json, torch

class Handler:
    def initialize(self, context):
        pass

    def handle(self, rows, context):
        named = {"class": 0, "class_name": torch.__file__, "probability": 1.0}
        return [{**named, "top": [named], "model_version": "1.0"} for _ in rows]
"""


@pytest.fixture(scope="module")
def python() -> Path:
    """The interpreter that `make serve` serves with."""
    find_torch = "import importlib.util as u; print(u.find_spec('torch') is not None)"
    if not SERVING_PYTHON.exists():
        pytest.skip("there is no .venv; `make test` makes it")
    if subprocess.run([SERVING_PYTHON, "-c", find_torch], capture_output=True, text=True).stdout != "False\n":
        pytest.skip(".venv holds torch, which `make serve` does not install")
    return SERVING_PYTHON


@pytest.fixture
def serve(python: Path, runtime_dir: Path) -> Iterator[Callable[[Path], str]]:
    """Serves a model store from that environment, and returns the inference API's address."""
    config = runtime_dir / "config.properties"
    options = ["--config", config, "--runtime-dir", runtime_dir]

    def start(store: Path) -> str:
        settings = Settings.isolated(runtime_dir, store)
        config.write_text(javaproperties.dumps(dict(settings.properties)))
        started = subprocess.run(
            [python, "serve.py", "start", *options, "--store", store], cwd=PROJECT, capture_output=True, text=True
        )
        assert started.returncode == 0, started.stderr
        return settings.inference

    yield start
    subprocess.run([python, "serve.py", "stop", "--runtime-dir", runtime_dir], cwd=PROJECT, check=True)


def test_a_worker_without_torch_finds_the_stand_in(serve: Callable[[Path], str], tmp_path: Path) -> None:
    (tmp_path / "a_handler.py").write_text(HANDLER)
    (tmp_path / "store").mkdir()
    pack = [sys.executable, "-m", "model_archiver.model_packaging", "--model-name", "m", "--version", "1.0"]
    options = ["--handler", tmp_path / "a_handler.py", "--config-file", CONFIG, "--export-path", tmp_path / "store"]
    subprocess.run([*pack, *options], check=True)
    inference = serve(tmp_path / "store")
    answer = requests.post(f"{inference}/predictions/m", data=CAT.read_bytes(), timeout=30)
    assert answer.json()["class_name"] == str(TORCH_STAND_IN / "torch.py")


def test_workers_see_the_installed_torch_where_there_is_one(runtime_dir: Path, tmp_path: Path) -> None:
    path = worker_environment(Settings.isolated(runtime_dir, tmp_path))["PYTHONPATH"]
    assert str(TORCH_STAND_IN) not in path.split(os.pathsep)


def test_the_stand_in_says_that_it_is_none() -> None:
    code = "import torch; torch.load('weights.pt')"
    environment = os.environ | {"PYTHONPATH": str(TORCH_STAND_IN)}
    refused = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "torch.load is not to be had: torch is not installed here" in refused.stderr
