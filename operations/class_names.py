"""Which classes two versions and the folders of images have in common, where their names may differ.

The gate compares classes. A name that only one side knows would count every answer as wrong, so it is found before
anything is loaded. `--class-names` says which names mean the same class.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from engine.class_names import loose_name
from operations.errors import ClassNamesError

Renames = Mapping[str, str]  # another name -> the default version's name of the same class


def check_renames(renames: Renames, *, class_names: Sequence[str], version: str) -> None:
    """Refuse renames to what is no class of the default version.

    Args:
        class_names: the classes of the default version.

    Raises:
        ClassNamesError: one of them is not among `class_names`.
    """
    for other, name in renames.items():
        if name not in class_names:
            raise ClassNamesError(
                f"--class-names says that {other} is {name}, which is no class of {version}; "
                f"expected one of {', '.join(class_names)}"
            )


def check_versions(old_names: Sequence[str], new_names: Sequence[str], renames: Renames, *, old: str, new: str) -> None:
    """Refuse two versions of which each has classes that the other does not know.

    A new version with more classes, or with fewer, is no riddle; where both have names of their own, some of them may
    mean the same class.

    Args:
        old_names, new_names: the classes of the default version and of the archive, in the order of the logits.
        old, new: what to call the two in a sentence.

    Raises:
        ClassNamesError: they cannot be told to mean the same.
    """
    mapped = {renames.get(name, name) for name in new_names}
    only_new = [name for name in new_names if renames.get(name, name) not in old_names]
    only_old = [name for name in old_names if name not in mapped]
    if only_new and only_old:
        raise ClassNamesError(
            f"{new} has classes {_list(only_new)} where {old} has {_list(only_old)}: "
            f"if they are the same, add {suggestion(only_new, only_old)}"
        )


def classes_of_folders(
    folders: Sequence[str], class_names: Sequence[str], renames: Renames, *, parent: Path
) -> dict[str, str]:
    """Return the class that each folder of images stands for.

    By the folders' names. Only where not one of them is a class, nor would be with other capitals, blanks or
    separators, and there are as many folders as classes, by their order, as torchvision's ImageFolder numbers them.

    Args:
        folders: their names, sorted.
        class_names: the classes that a version has, in the order of the logits.
        parent: the folder that they are in.

    Raises:
        ClassNamesError: a folder is no class; the message names it.
    """
    by_name = {folder: renames.get(folder, folder) for folder in folders}
    strange = [folder for folder, name in by_name.items() if name not in class_names]
    if not strange:
        return by_name
    known = {loose_name(name) for name in (*class_names, *renames)}
    if len(strange) == len(folders) == len(class_names) and not any(loose_name(folder) in known for folder in folders):
        return dict(zip(folders, class_names, strict=True))
    missing = [name for name in class_names if name not in by_name.values()]
    raise ClassNamesError(
        f"{parent} has folders that are no classes: {_list(strange)}; expected {_list(class_names)}: "
        f"rename them, or add {suggestion(strange, missing)}"
    )


def suggestion(others: Sequence[str], names: Sequence[str]) -> str:
    """Return the option that maps each of `others` to the name that is spelt alike, else to the one at its place."""
    alike = {loose_name(name): name for name in names}
    rest = iter([name for name in names if loose_name(name) not in {loose_name(other) for other in others}])
    pairs = [(other, alike.get(loose_name(other)) or next(rest, "CLASS")) for other in others]
    return "--class-names " + ",".join(f"{other}={name}" for other, name in pairs)


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
