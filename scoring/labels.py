"""What labels of an input are called, and which class each is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scoring.errors import SourceError


@dataclass(frozen=True)
class Labels:
    """The class (index) of each label: a class's name, its folder's name in the training images, or its index."""

    classes: Mapping[str, int]

    @classmethod
    def of(cls, class_names: Sequence[str], folder_names: Sequence[str]) -> "Labels":
        """The labels that a model knows; `folder_names` may be empty."""
        indexes = {str(index): index for index in range(len(class_names))}
        folders = {name: index for index, name in enumerate(folder_names)}
        return cls(indexes | folders | {name: index for index, name in enumerate(class_names)})

    def index_of(self, label: str) -> int:
        """The class of a label.

        Raises:
            SourceError: it is none that the model knows.
        """
        if label not in self.classes:
            known = ", ".join(name for name in self.classes if not name.isdecimal())
            raise SourceError(f"{label!r} is the label of an image, but no class of the model: expected one of {known}")
        return self.classes[label]
