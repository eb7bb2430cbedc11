"""What counts as an image file: the rule of images/files.py, which is not installed with this package.

A test compares the two.
"""

from pathlib import Path
from typing import NamedTuple

IMAGE_SUFFIXES = frozenset(
    {".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
)


class FoundFiles(NamedTuple):
    """The image files of a folder, and the other files, which are passed over; both sorted by path."""

    images: list[Path]
    passed_over: list[Path]


def is_image_file(path: Path) -> bool:
    """Whether a file counts as an image, by its name: a known suffix in either case, and not hidden.

    Hidden are names that start with a dot, such as the `._cat.jpg` that macOS leaves beside `cat.jpg`.
    """
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def find_image_files(folder: Path, pattern: str) -> FoundFiles:
    """The files of a folder that match a pattern of `Path.glob`, such as `*/*` for a folder a class.

    What lies in a hidden folder is passed over, too.
    """
    found = FoundFiles([], [])
    for path in sorted(path for path in folder.glob(pattern) if path.is_file()):
        in_hidden_folder = any(part.startswith(".") for part in path.relative_to(folder).parts[:-1])
        (found.images if is_image_file(path) and not in_hidden_folder else found.passed_over).append(path)
    return found
