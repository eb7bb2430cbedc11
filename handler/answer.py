"""Answers as compact JSON: documents of predictions and of errors. Knows neither images nor TorchServe."""

import json
from collections.abc import Sequence
from typing import Any

from handler.errors import HTTP_STATUSES, RowError, type_name
from handler.protocol import Prediction

PROBABILITY_DIGITS = 6


def to_json(answer: Any) -> bytes:
    """Compact JSON, UTF-8."""
    return json.dumps(answer, separators=(",", ":"), allow_nan=False).encode()


def error_fields(error: RowError) -> dict[str, Any]:
    """The HTTP status of an error as `code`, and its `type`."""
    kind = type(error)
    return {"code": HTTP_STATUSES[kind].code, "type": type_name(kind)}


class DocumentWriter:
    """Writes a prediction as a JSON object. What all share is turned into JSON once, here: a prediction costs one join.

    Args:
        class_names: in the order of the probabilities.
        model_version: the archive's.
    """

    def __init__(self, class_names: Sequence[str], *, model_version: str) -> None:
        self._starts = [
            f'{{"class":{index},"class_name":{json.dumps(name)},"probability":'
            for index, name in enumerate(class_names)
        ]
        self._tutorial = [
            json.dumps({"class": index, "class_name": name}).encode() for index, name in enumerate(class_names)
        ]
        self._end = f'],"model_version":{json.dumps(model_version)}}}'

    def document(self, prediction: Prediction) -> str:
        """One prediction: `{"class", "class_name", "probability", "top": […], "model_version"}`."""
        entries = [
            self._starts[index] + repr(round(probability, PROBABILITY_DIGITS))
            for probability, index in zip(prediction.probabilities, prediction.classes, strict=True)
        ]
        return entries[0] + ',"top":[' + "},".join(entries) + "}" + self._end

    def tutorial_answer(self, prediction: Prediction) -> bytes:
        """`{"class": 3, "class_name": "cat"}`: the answer of PyTorch's Flask tutorial."""
        return self._tutorial[prediction.classes[0]]
