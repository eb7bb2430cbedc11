"""The images of a rollout's gate: by the names of the default version, of the archive, and of the folders."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from operations.errors import ClassNamesError
from operations.plan import Plan
from operations.rollout import Rollout
from pixserve.runtime_directory import RuntimeDirectory
from tests.two_versions import MODEL, NEW, build

CIFAR10 = ["plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """CIFAR-10's own folders."""
    for name in ["airplane", "automobile", *CIFAR10[2:]]:
        (tmp_path / "gate" / name).mkdir(parents=True)
        (tmp_path / "gate" / name / "1.png").touch()
    return tmp_path / "gate"


def rollout(folder: Path, gate: Path, **options: Any) -> Rollout:
    """A rollout on a server whose default version has the tutorial's class names."""
    endpoints = SimpleNamespace(runtime_directory=RuntimeDirectory(folder), store=folder / "store")
    management = SimpleNamespace(ask_worker=lambda model, version: {"class_names": CIFAR10})
    connection: Any = SimpleNamespace(endpoints=endpoints, management=management)
    return Rollout(connection, model=MODEL, plan=Plan(f"{MODEL}-{NEW}.mar", gate, **options))


def test_the_folders_that_the_new_version_was_trained_on_are_known(tmp_path: Path, gate: Path) -> None:
    build(tmp_path, NEW)
    labels = {image.path.parent.name: image.label for image in rollout(tmp_path, gate)._images("1.0")}
    assert (labels["airplane"], labels["automobile"], labels["cat"]) == ("plane", "car", "cat")


def test_weights_that_are_packed_under_the_names_of_the_folders_are_mapped(tmp_path: Path, gate: Path) -> None:
    build(tmp_path, NEW, class_names=["airplane", "automobile", *CIFAR10[2:]])
    with pytest.raises(ClassNamesError, match="--class-names airplane=plane,automobile=car"):
        rollout(tmp_path, gate)._images("1.0")
    mapped = rollout(tmp_path, gate, class_names={"airplane": "plane", "automobile": "car"})._images("1.0")
    assert {image.path.parent.name: image.label for image in mapped}["airplane"] == "plane"
