"""Which label of a network each class of a source has: by name where names fit, by order only where none does."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from engine.class_names import loose_name
from training.errors import SourceError, WeightsError
from training.record import Record


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
    like = {loose_name(name) for name in (*class_names, *folder_names)}
    if len(names) == len(class_names) and not any(loose_name(name) in like for name in names):
        pairs = ", ".join(f"{name} is {known}" for name, known in zip(names, class_names, strict=True))
        return ClassMatch(list(range(len(names))), f"no class name of the source is the network's; by order: {pairs}")
    odd = [name for name in names if name not in {*class_names, *folder_names}]
    raise SourceError(
        f"The source's classes do not match the network's: {', '.join(odd or names)} "
        f"{'is' if len(odd) == 1 else 'are'} none of {', '.join(class_names)}. Rename the folders."
    )


def require_same_classes(
    weights: Path, record: Record, *, class_names: Sequence[str], folder_names: Sequence[str]
) -> None:
    """Refuse weights whose labels mean other classes than a run's, by class names or by those of the folders.

    Args:
        weights: for the message.
        record: of the weights; one without data has class names alone.
        class_names: of the run, in label order.
        folder_names: of the run's images, in label order.

    Raises:
        WeightsError: neither names nor order are the same.
    """
    known = [list(record["class_names"]), list(record.get("data", {}).get("folder_names", []))]
    if list(class_names) in known or list(folder_names) in known:
        return
    theirs, ours = ", ".join(known[0]), ", ".join(class_names)
    difference = "the same classes in another order" if set(known[0]) == set(class_names) else "other classes"
    raise WeightsError(
        f"{weights} knows {difference}: {theirs}; this run has {ours}. Rename the folders, or, if these are "
        "the same in the run's order, give --class-names with the names of the weights."
    )
