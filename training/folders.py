"""A folder of classes, ``<folder>/<class>/*``: its image files by class, and what is passed over."""

import os
from dataclasses import dataclass
from pathlib import Path

from images.files import find_image_files
from training.errors import SourceError

NAMED = 3  # of the files that are passed over, in the remark about them


@dataclass(frozen=True)
class ImageFolder:
    """Image files by class name, both sorted, and all else that lies in the folder."""

    folder: Path
    files: dict[str, list[Path]]
    passed_over: list[Path]

    @property
    def remark(self) -> str | None:
        """What was passed over, in a sentence; None where nothing was."""
        if not self.passed_over:
            return None
        named = ", ".join(str(path.relative_to(self.folder)) for path in self.passed_over[:NAMED])
        more = ", …" if len(self.passed_over) > NAMED else ""
        return f"{self.folder}: {len(self.passed_over)} passed over, not <class>/<image file>: {named}{more}"


def read_folder(folder: Path) -> ImageFolder:
    """The images of each class folder; images/files.py says what counts as an image file.

    Raises SourceError where there is no such folder, it has no class folders, or one of them has no images.
    """
    if not folder.is_dir():
        raise SourceError(f"There is no folder {folder}: images are looked for in {folder}/<class>/*.")
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not classes:
        raise SourceError(f"{folder} has no class folders: images are looked for in {folder}/<class>/*.")
    names = {path: _class_name(path) for path in classes}
    found = find_image_files(folder, "*/*")
    files: dict[str, list[Path]] = {name: [] for name in names.values()}
    for path in found.images:
        files[names[path.parent]].append(path)
    if empty := [name for name, paths in files.items() if not paths]:
        raise SourceError(f"{folder}/{empty[0]} has no images: add some or remove the folder.")
    loose = [path for path in folder.iterdir() if not path.is_dir()]
    nested = [path for path in folder.glob("*/*") if path.is_dir()]
    return ImageFolder(folder, files, sorted([*found.passed_over, *loose, *nested]))


def _class_name(path: Path) -> str:
    """The folder's name in UTF-8, as records are written, whatever the locale; found before an hour's training."""
    name = os.fsencode(path.name)
    try:
        return name.decode()
    except UnicodeDecodeError as error:
        raise SourceError(f"{path.parent} has a folder whose name is not UTF-8 ({name!r}): rename it.") from error
