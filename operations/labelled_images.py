"""The images of the gate: a folder for each class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from operations.class_names import Renames, classes_of_folders
from operations.errors import RolloutError
from pixserve.image_files import find_image_files


@dataclass(frozen=True)
class LabelledImage:
    """A file and the class that it shows, by the default version's name."""

    path: Path
    label: str


class GateImages(NamedTuple):
    """The images of a gate, and what a user should know of how they were found, as sentences."""

    images: list[LabelledImage]
    remarks: list[str]


def labelled_images(
    folder: Path, *, class_names: Sequence[str], most: int, renames: Renames | None = None
) -> GateImages:
    """Return at most `most` images of a folder, evenly spread over all of them in the order of their paths.

    Args:
        folder: has a folder for each class.
        class_names: the classes of the versions that are compared.
        renames: the classes of folders with other names.

    Raises:
        RolloutError: there is no image.
        ClassNamesError: a folder is no class.
    """
    paths, passed_over = find_image_files(folder, "*/*")
    if not paths:
        raise RolloutError(f"{folder} holds no images; the gate expects a folder for each class, such as {folder}/cat")
    folders = sorted({path.parent.name for path in paths})
    labels = classes_of_folders(folders, class_names, renames or {}, parent=folder)
    step = max(1, len(paths) / most)
    chosen = [paths[int(index * step)] for index in range(min(most, len(paths)))]
    return GateImages(
        [LabelledImage(path, labels[path.parent.name]) for path in chosen],
        _remarks(folder, labels, class_names, renames or {}, passed_over),
    )


def _remarks(
    folder: Path, labels: Mapping[str, str], class_names: Sequence[str], renames: Renames, passed_over: Sequence[Path]
) -> list[str]:
    remarks = []
    if not any(renames.get(name, name) in class_names for name in labels):
        pairs = ", ".join(f"{name} is {label}" for name, label in labels.items())
        remarks.append(f"no folder of {folder} is called like a class; by order: {pairs}")
    if passed_over:
        remarks.append(f"{folder}: {len(passed_over)} passed over, no image files: {passed_over[0].name}, ...")
    return remarks
