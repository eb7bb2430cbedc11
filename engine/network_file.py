"""The one network that a file defines: the rule that archives, training and benchmarks follow."""

import importlib.util
from pathlib import Path
from types import ModuleType

from torch import nn


def network_class(module: ModuleType) -> type[nn.Module]:
    """The one class of networks that a module defines itself; it is made by `Network(classes)` and has `image_size`.

    Raises:
        RuntimeError: it defines none or several.
    """
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, nn.Module) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        name = Path(module.__file__ or module.__name__).name
        raise RuntimeError(f"{name} defines {len(found)} nn.Module classes; expected exactly one")
    return found[0]


def import_file(path: Path) -> ModuleType:
    """Run a Python file as a module named after it.

    Raises:
        RuntimeError: it is no Python file.
    """
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise RuntimeError(f"{path.name} is no Python file of the archive")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def image_size(network: nn.Module | type[nn.Module]) -> int:
    """The side of the square images that a network takes, in pixels.

    Raises:
        RuntimeError: its class does not say.
    """
    size = getattr(network, "image_size", None)
    if not isinstance(size, int) or size < 1:
        name = network.__name__ if isinstance(network, type) else type(network).__name__
        raise RuntimeError(f"{name}.image_size is {size!r}; expected a side in pixels")
    return size
