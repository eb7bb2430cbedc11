"""What every kind of test shares: the shipped records, an archive of one, real pictures where there are some."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import archive
from serving.settings import PROJECT

LENET_RECORD = PROJECT / "model" / "cifar10-1.0.json"
CAT = PROJECT / "tests" / "pictures" / "cat.jpg"
PICTURES = PROJECT / "data" / "test"

# What a script runs in the background ignores Ctrl-C, and so would the commands that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model store with the shipped LeNet, packed from what is in the tree now."""
    folder = tmp_path_factory.mktemp("store")
    archive.build(LENET_RECORD, store=folder)
    return folder


@pytest.fixture
def home() -> Iterator[Path]:
    """A server's home of its own; its path is short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="serving-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def cifar10_test_pictures() -> list[tuple[Path, int]]:
    """CIFAR-10's test pictures with their classes, in order; skips where they have not been unpacked."""
    if not PICTURES.is_dir():
        pytest.skip(f"the CIFAR-10 pictures are not in {PICTURES.relative_to(PROJECT)}/ (README, Train)")
    folders = sorted(PICTURES.iterdir())
    return [(path, index) for index, folder in enumerate(folders) for path in sorted(folder.iterdir())]
