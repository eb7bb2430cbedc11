"""The Makefile, in a folder of its own with a space in its name: what it installs, when, and what it removes."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from serving.settings import PROJECT

PROTOS = ("pixserve/_stubs/inference.proto", "front/_stubs/open_inference.proto")
OLD_PYTHON = f"""#!/bin/sh
exec "{sys.executable}" -c 'import sys; sys.version_info = (3, 10, 0); exec(sys.argv[2])' "$@"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A clone in which nothing has been installed, as far as make looks at it."""
    folder = tmp_path / "a folder"
    for proto in PROTOS:
        (folder / proto).parent.mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "setup.py", *PROTOS):
        shutil.copy(PROJECT / name, folder / name)
    return folder


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=folder, capture_output=True, text=True, check=False)


def mark_installed(folder: Path, *, made_for: Path) -> None:
    for environment in (".venv", ".venv-dev"):
        (folder / environment).mkdir()
        (folder / environment / "installed").write_text(f"{made_for}\n")


def test_an_environment_is_made_once(folder: Path) -> None:
    assert "pip install" in make(folder, "--dry-run", "archive").stdout
    mark_installed(folder, made_for=folder)
    assert "pip install" not in make(folder, "--dry-run", "archive").stdout


def test_an_environment_is_made_again_when_its_folder_has_been_moved(folder: Path) -> None:
    mark_installed(folder, made_for=folder)
    moved = folder.rename(folder.with_name("another folder"))
    assert "pip install" in make(moved, "--dry-run", "archive").stdout


def test_an_old_python_is_refused_in_one_sentence(folder: Path) -> None:
    (folder / "old").write_text(OLD_PYTHON)
    (folder / "old").chmod(0o755)
    refused = make(folder, "serve", "PYTHON=./old")
    assert refused.returncode == 2
    assert "Python 3.11 or newer is needed, and ./old is 3.10: name another with `make PYTHON=" in refused.stderr
    assert not (folder / ".venv").exists()


def test_stop_and_clean_install_nothing(folder: Path) -> None:
    for target in ("stop", "clean"):
        assert make(folder, target).returncode == 0
    assert not [*folder.glob(".venv*")]


def test_clean_keeps_the_archives_that_a_user_has_packed(folder: Path) -> None:
    (folder / "model").mkdir()
    (folder / "model-store").mkdir()
    (folder / "model" / "cifar10-1.0.json").touch()
    for name in ("cifar10-1.0.mar", "pets-1.0.mar"):
        (folder / "model-store" / name).touch()
    mark_installed(folder, made_for=folder)
    assert make(folder, "clean").returncode == 0
    assert [path.name for path in (folder / "model-store").iterdir()] == ["pets-1.0.mar"]
    assert not [*folder.glob(".venv*")]
