"""The pictures of the gate: a folder for each class, named like it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from operations.errors import RolloutError
from pixserve.image_files import IMAGE_SUFFIXES


@dataclass(frozen=True)
class LabelledPicture:
    """A file and the name of the class that it shows."""

    path: Path
    class_name: str


def labelled_pictures(folder: Path, *, class_names: Sequence[str], most: int) -> list[LabelledPicture]:
    """At most `most` pictures of a folder, evenly spread over all of them in the order of their paths.

    Its folders go by their names where all are names of classes; else, if there are as many, by their order, as
    torchvision's ImageFolder numbers them: CIFAR-10's "airplane" is then the class "plane".

    Raises:
        RolloutError: there is no picture, or the folders cannot be told to be the model's classes.
    """
    paths = sorted(path for path in folder.glob("*/*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not paths:
        raise RolloutError(f"{folder} holds no pictures; the gate expects a folder a class, such as {folder / 'cat'}")
    names = _names_of_folders(sorted({path.parent.name for path in paths}), class_names)
    step = max(1, len(paths) / most)
    chosen = [paths[int(index * step)] for index in range(min(most, len(paths)))]
    return [LabelledPicture(path, names[path.parent.name]) for path in chosen]


def _names_of_folders(folders: Sequence[str], class_names: Sequence[str]) -> dict[str, str]:
    if set(folders) <= set(class_names):
        return {name: name for name in folders}
    if len(folders) == len(class_names):
        return dict(zip(folders, class_names, strict=True))
    strange = min(set(folders) - set(class_names))
    raise RolloutError(f"{strange} is no class of the model; expected {', '.join(class_names)}")
