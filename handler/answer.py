"""What goes back: probabilities and errors as compact JSON. Knows nothing of pictures, torch or TorchServe."""

import json
from collections.abc import Sequence
from typing import Any

from handler.errors import HTTP_STATUSES, RowError, type_name

PROBABILITY_DIGITS = 6


def to_json(answer: Any) -> bytes:
    """Compact JSON, UTF-8."""
    return json.dumps(answer, separators=(",", ":"), allow_nan=False).encode()


def error_answer(error: RowError) -> bytes:
    """`{"code", "type", "message"}`: TorchServe's own fields, so that clients read every error alike."""
    kind = type(error)
    return to_json({"code": HTTP_STATUSES[kind].code, "type": type_name(kind), "message": error.message})


class AnswerWriter:
    """Writes predictions. All that answers share is turned into JSON once, here: a row costs one join."""

    def __init__(self, class_names: Sequence[str], *, model_version: str) -> None:
        self._starts = [
            f'{{"class":{index},"class_name":{json.dumps(name)},"probability":'
            for index, name in enumerate(class_names)
        ]
        self._end = f'],"model_version":{json.dumps(model_version)}}}'

    def prediction(self, probabilities: Sequence[float], classes: Sequence[int]) -> bytes:
        """The answer to one row.

        Args:
            probabilities: of the named classes, best first, each in [0, 1].
            classes: their indexes, in the same order; at least one.
        """
        entries = [
            self._starts[index] + repr(round(probability, PROBABILITY_DIGITS))
            for index, probability in zip(classes, probabilities, strict=True)
        ]
        return (entries[0] + ',"top":[' + "},".join(entries) + "}" + self._end).encode()
