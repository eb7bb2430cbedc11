"""The names of the classes, from the file that TorchServe's own handlers use for them; and which are the same one."""

import json
from pathlib import Path


def load_class_names(path: Path) -> list[str]:
    """Class names in the order of the probabilities, from `{"0": "plane", "1": "car", …}`.

    Raises:
        RuntimeError: the indexes are not 0, 1, 2, … or a name is no text.
    """
    names = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(names, dict) or not names or set(names) != {str(index) for index in range(len(names))}:
        raise RuntimeError(f'{path.name}: expected {{"0": name, "1": name, …}} without gaps')
    if not all(isinstance(name, str) for name in names.values()):
        raise RuntimeError(f"{path.name}: expected each class name to be text")
    return [names[str(index)] for index in range(len(names))]


def loose_name(name: str) -> str:
    """Names that differ in case, blanks or separators alone are the same one, mistyped."""
    return "".join(each for each in name.casefold() if each.isalnum())
