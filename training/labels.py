"""Which label of a network each class of a source has: by name where names fit, by order only where none does."""

from collections.abc import Sequence
from typing import NamedTuple

from training.errors import SourceError


class ClassMatch(NamedTuple):
    """The network's label of each class of a source, and a sentence for the user where labels go by order."""

    labels: list[int]
    remark: str | None = None


def match_classes(names: Sequence[str], class_names: Sequence[str], *, folder_names: Sequence[str]) -> ClassMatch:
    """Match a source's classes to a network's.

    Args:
        names: of the source, in its order.
        class_names: of the network, in label order.
        folder_names: of the folders it was trained on, in label order.

    Raises:
        SourceError: some names fit and others do not, or none fits and the numbers differ.
    """
    for known in (class_names, folder_names):
        if set(names) <= set(known):
            return ClassMatch([known.index(name) for name in names])
    like = {_loose(name) for name in (*class_names, *folder_names)}
    if len(names) == len(class_names) and not any(_loose(name) in like for name in names):
        pairs = ", ".join(f"{name} is {known}" for name, known in zip(names, class_names, strict=True))
        return ClassMatch(list(range(len(names))), f"no class name of the source is the network's; by order: {pairs}")
    odd = [name for name in names if name not in {*class_names, *folder_names}]
    raise SourceError(
        f"The source's classes do not match the network's: {', '.join(odd or names)} "
        f"{'is' if len(odd) == 1 else 'are'} none of {', '.join(class_names)}. Rename the folders."
    )


def _loose(name: str) -> str:
    """Names that differ in case, blanks or separators alone are the same one, mistyped."""
    return "".join(each for each in name.casefold() if each.isalnum())
