"""Answers are compact JSON."""

import json

from handler.answer import DocumentWriter, error_fields
from handler.errors import MissingImageError
from handler.protocol import Prediction


def test_a_prediction_names_the_best_class_and_the_top_ones() -> None:
    writer = DocumentWriter(["plane", "car", "bird"], model_version="1.0")
    assert json.loads(writer.document(Prediction([0.75, 0.125], [2, 0]))) == {
        "class": 2,
        "class_name": "bird",
        "probability": 0.75,
        "top": [
            {"class": 2, "class_name": "bird", "probability": 0.75},
            {"class": 0, "class_name": "plane", "probability": 0.125},
        ],
        "model_version": "1.0",
    }


def test_an_answer_has_no_blanks_and_six_digits() -> None:
    answer = DocumentWriter(["cat"], model_version="1.0").document(Prediction([0.93000000715], [0]))
    assert answer.startswith('{"class":0,"class_name":"cat","probability":0.93,"top":[{"class":0,')


def test_tiny_probabilities_and_odd_names_are_still_json() -> None:
    name = 'a "quoted" name\n\u00e9'
    answer = json.loads(DocumentWriter([name], model_version='"').document(Prediction([1e-6], [0])))
    assert (answer["class_name"], answer["probability"], answer["model_version"]) == (name, 1e-6, '"')


def test_an_error_has_code_and_type() -> None:
    assert error_fields(MissingImageError("no field came")) == {"code": 400, "type": "MissingImage"}


def test_the_tutorials_answer_is_class_and_name_with_blanks() -> None:
    writer = DocumentWriter(["plane", "car"], model_version="1.0")
    assert writer.tutorial_answer(Prediction([0.9, 0.1], [1, 0])) == b'{"class": 1, "class_name": "car"}'
