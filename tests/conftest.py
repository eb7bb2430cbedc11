"""What tests share: the shipped records, archives, a tiny network, TorchServe's own context, CIFAR-10."""

import json
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from ts.context import Context, RequestProcessor

import archive
from pixserve.image_files import find_image_files
from serving.settings import PROJECT
from tests.training.training_images import make_pictures

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
def runtime_dir() -> Iterator[Path]:
    """A runtime directory for one server; its path is short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="serving-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def cifar10_test_pictures() -> list[tuple[Path, int]]:
    """CIFAR-10's 10,000 test pictures with their classes, in order; skips where not all of them have been unpacked."""
    paths = find_image_files(PICTURES, "*/*").images
    folders = sorted({path.parent.name for path in paths})
    if (len(folders), len(paths)) != (10, 10_000):
        where = PICTURES.relative_to(PROJECT)
        pytest.skip(f"{len(paths):,} of CIFAR-10's 10,000 test pictures are in {where}/ (docs/guides/start.md)")
    return [(path, folders.index(path.parent.name)) for path in paths]


CLASS_NAMES = ["red", "green", "blue", "grey"]

# Knows colours: the logits are the means of the channels.
NETWORK = """
import torch
from torch import nn


class Colours(nn.Module):
    image_size = 32

    def __init__(self, classes=10):
        super().__init__()
        self.scale = nn.Parameter(torch.full((classes,), 8.0))
        self.batches = []

    def forward(self, pixels):
        self.batches.append(pixels)
        means = pixels.float().mean(dim=(2, 3)) / 255
        logits = torch.zeros(len(pixels), len(self.scale))
        logits[:, :3] = means
        return logits * self.scale
"""


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three colours, to train on and to test; not to be changed."""
    return make_pictures(tmp_path_factory.mktemp("data") / "colours")


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    """What TorchServe unpacks from an archive."""
    (tmp_path / "colours.py").write_text(NETWORK)
    torch.save({"scale": torch.full((len(CLASS_NAMES),), 8.0)}, tmp_path / "colours-1.0.pt")
    (tmp_path / "index_to_name.json").write_text(json.dumps(dict(enumerate(CLASS_NAMES))))
    return tmp_path


@pytest.fixture
def make_context(model_dir: Path) -> Callable[..., Context]:
    """A context for the archive: `handler` is its section of model-config.yaml, `model` replaces manifest entries."""

    def make(handler: dict[str, Any] | None = None, **model: Any) -> Context:
        manifest = {"modelFile": "colours.py", "serializedFile": "colours-1.0.pt", "modelVersion": "1.0"} | model
        return Context(
            model_name="colours",
            model_dir=str(model_dir),
            manifest={"model": manifest},
            batch_size=32,
            gpu=None,
            mms_version="0.12.0",
            model_yaml_config={"handler": handler or {}},
        )

    return make


@pytest.fixture
def with_rows() -> Callable[..., Context]:
    """Puts the headers of a batch on a context, as TorchServe does before it calls the handler."""

    def put(context: Context, *headers: dict[str, Any]) -> Context:
        context.request_processor = [RequestProcessor(dict(row)) for row in headers]
        return context

    return put
