"""Answers as compact JSON: predictions and errors. Knows neither images nor TorchServe."""

import json
from collections.abc import Sequence
from typing import Any

from handler.batch import Prediction
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
    """Writes predictions. What all answers share is turned into JSON once, here: a prediction costs one join."""

    def __init__(self, class_names: Sequence[str], *, model_version: str) -> None:
        self._starts = [
            f'{{"class":{index},"class_name":{json.dumps(name)},"probability":'
            for index, name in enumerate(class_names)
        ]
        self._tutorial = [
            json.dumps({"class": index, "class_name": name}).encode() for index, name in enumerate(class_names)
        ]
        self._end = f'],"model_version":{json.dumps(model_version)}}}'

    def answer(self, predictions: Sequence[Prediction]) -> bytes:
        """The answer to one row: a document for its one image, or an array of documents, one an image."""
        if len(predictions) == 1:
            return self._document(predictions[0]).encode()
        return ("[" + ",".join(map(self._document, predictions)) + "]").encode()

    def tutorial_answer(self, predictions: Sequence[Prediction]) -> bytes:
        """`{"class": 3, "class_name": "cat"}`: the answer of PyTorch's Flask tutorial, of a row's first image."""
        return self._tutorial[predictions[0].classes[0]]

    def _document(self, prediction: Prediction) -> str:
        entries = [
            self._starts[index] + repr(round(probability, PROBABILITY_DIGITS))
            for probability, index in zip(prediction.probabilities, prediction.classes, strict=True)
        ]
        return entries[0] + ',"top":[' + "},".join(entries) + "}" + self._end
