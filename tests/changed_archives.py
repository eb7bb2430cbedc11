"""Archives of the shipped network with something changed: other weights, or a network that fails."""

import io
import zipfile
from pathlib import Path

import torch

from serving.settings import PROJECT
from tests.two_versions import build


def rewrite(archive: Path, **contents: bytes) -> None:
    """Replace files of an archive by their endings: `py` is the network, `pt` the weights.

    Its OpenVINO files would not have the change, so the archive loses `engine.json`, and torch computes.
    """
    with zipfile.ZipFile(archive) as old:
        files = {name: old.read(name) for name in old.namelist() if name != "engine.json"}
    for ending, content in contents.items():
        (name,) = (name for name in files if name.endswith(("lenet.py",) if ending == "py" else (f".{ending}",)))
        files[name] = content
    with zipfile.ZipFile(archive, "w") as new:
        for name, content in files.items():
            new.writestr(name, content)


def weights(**changes: float) -> bytes:
    """The shipped weights, some of them multiplied."""
    state = torch.load(PROJECT / "model" / "cifar10-1.0.pt", weights_only=True)
    for name, factor in changes.items():
        state[name.replace("_", ".")] *= factor
    file = io.BytesIO()
    torch.save(state if changes else {"another": torch.zeros(1)}, file)
    return file.getvalue()


def network(line: str, *, before: str) -> bytes:
    """The shipped network with a line more."""
    source = (PROJECT / "model" / "lenet.py").read_text()
    assert before in source
    return source.replace(before, f"{line}\n        {before}", 1).encode()


def build_failing(folder: Path, version: str, *, once: Path) -> None:
    """An archive whose network fails once there is a file."""
    line = f"assert not __import__('os').path.exists({str(once)!r})"
    rewrite(build(folder, version), py=network(line, before="x = (pixels"))
