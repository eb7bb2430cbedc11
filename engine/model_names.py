"""Names and versions that a model can be packed and served under: one rule for training and packing."""

import re

from packaging.version import InvalidVersion, Version

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")  # what torch-model-archiver 0.12 takes, short enough for a file
VERSION = re.compile(r"[A-Za-z0-9.]{1,50}")  # of PEP 440, what needs no escape in a URL or a file's name


def name_fault(name: str, *, what: str = "name") -> str | None:
    """Why nothing can be packed and served under this name, or version, as a sentence; None where it can."""
    if NAME.fullmatch(name):
        return None
    return (
        f"The {what} {name!r} cannot be packed or served: use letters, digits, '.', '_' and '-', "
        "at most 100, the first a letter or digit."
    )


def version_fault(version: str) -> str | None:
    """Why what is trained cannot have this version, as a sentence; None where it can: it is to have an order, too."""
    if VERSION.fullmatch(version) and parsed_version(version):
        return None
    return f"The version {version!r} cannot be ordered or served: use one like 1.0, 2.1 or 3.0rc1 (PEP 440)."


def parsed_version(version: str) -> Version | None:
    """The version for ordering, None where it is none."""
    try:
        return Version(version)
    except InvalidVersion:
        return None
