"""TorchServe serves without torch: in `.venv`, which `make serve` makes, and with a stand-in that only workers see."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import javaproperties
import psutil
import pytest
import requests

from archive import CONFIG
from serving.environment import TORCH_STAND_IN, worker_environment
from serving.settings import PROJECT, Settings
from tests.conftest import CAT, LENET_RECORD

SERVING_PYTHON = PROJECT / ".venv" / "bin" / "python"
MOST_PRIVATE_BYTES = 150_000_000  # of a worker; the import of torch alone would add 280 MB
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


Serve = Callable[[Path], subprocess.CompletedProcess[str]]


@pytest.fixture
def settings(runtime_dir: Path, tmp_path: Path) -> Settings:
    return Settings.isolated(runtime_dir, tmp_path / "store")


@pytest.fixture
def serve(python: Path, settings: Settings, runtime_dir: Path) -> Iterator[Serve]:
    """Starts a server on a model store, from that environment."""
    config = runtime_dir / "config.properties"
    config.write_text(javaproperties.dumps(dict(settings.properties)))

    def start(store: Path) -> subprocess.CompletedProcess[str]:
        options = ["--config", config, "--runtime-dir", runtime_dir, "--store", store]
        return subprocess.run([python, "serve.py", "start", *options], cwd=PROJECT, capture_output=True, text=True)

    yield start
    subprocess.run([python, "serve.py", "stop", "--runtime-dir", runtime_dir], cwd=PROJECT, check=True)


def predict(settings: Settings, model: str) -> requests.Response:
    return requests.post(f"{settings.inference}/predictions/{model}", data=CAT.read_bytes(), timeout=30)


def test_a_worker_without_torch_finds_the_stand_in(serve: Serve, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a_handler.py").write_text(HANDLER)
    (tmp_path / "store").mkdir()
    pack = [sys.executable, "-m", "model_archiver.model_packaging", "--model-name", "m", "--version", "1.0"]
    options = ["--handler", tmp_path / "a_handler.py", "--config-file", CONFIG, "--export-path", tmp_path / "store"]
    subprocess.run([*pack, *options], check=True)
    started = serve(tmp_path / "store")
    assert started.returncode == 0, started.stderr
    assert predict(settings, "m").json()["class_name"] == str(TORCH_STAND_IN / "torch.py")


def test_the_shipped_versions_are_served_without_torch(
    python: Path, serve: Serve, settings: Settings, runtime_dir: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    subprocess.run([python, "archive.py", "--store", store], cwd=PROJECT, check=True)
    started = serve(store)
    assert started.returncode == 0, started.stderr
    for archive in store.glob("*.mar"):
        version = archive.stem.partition("-")[2]
        answer = predict(settings, f"cifar10/{version}")
        assert (answer.status_code, answer.json()["model_version"]) == (200, version)
    workers = [process for process in psutil.process_iter() if is_worker(process, runtime_dir)]
    assert workers
    for worker in workers:
        assert worker.memory_full_info().uss < MOST_PRIVATE_BYTES, worker.cmdline()


def test_weights_that_were_never_exported_are_refused_without_torch(python: Path, serve: Serve, tmp_path: Path) -> None:
    record = json.loads(LENET_RECORD.read_text())
    record.pop("engine")  # as `python train.py lenet` without OpenVINO would leave it
    (tmp_path / LENET_RECORD.name).write_text(json.dumps(record))
    shutil.copy(LENET_RECORD.with_suffix(".pt"), tmp_path)
    store = tmp_path / "store"
    subprocess.run([python, "archive.py", tmp_path / LENET_RECORD.name, "--store", store], cwd=PROJECT, check=True)
    refused = serve(store)
    assert refused.returncode == 1
    assert "torch is not installed" in refused.stderr


def is_worker(process: psutil.Process, runtime_dir: Path) -> bool:
    """Whether a process is a Python worker of the server in that runtime directory."""
    try:
        words = " ".join(process.cmdline())
    except psutil.Error:
        return False
    return "model_service_worker" in words and str(runtime_dir) in words


def test_workers_see_the_installed_torch_where_there_is_one(runtime_dir: Path, tmp_path: Path) -> None:
    path = worker_environment(Settings.isolated(runtime_dir, tmp_path))["PYTHONPATH"]
    assert str(TORCH_STAND_IN) not in path.split(os.pathsep)


def test_the_stand_in_says_that_it_is_none() -> None:
    code = "import torch; torch.load('weights.pt')"
    environment = os.environ | {"PYTHONPATH": str(TORCH_STAND_IN)}
    refused = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "torch.load is not to be had: torch is not installed here" in refused.stderr
