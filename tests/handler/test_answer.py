"""Answers are compact JSON."""

import json

from handler.answer import AnswerWriter, error_answer
from handler.batch import Prediction
from handler.errors import MissingImageError


def test_a_prediction_names_the_best_class_and_the_top_ones() -> None:
    writer = AnswerWriter(["plane", "car", "bird"], model_version="1.0")
    assert json.loads(writer.answer([Prediction([0.75, 0.125], [2, 0])])) == {
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
    answer = AnswerWriter(["cat"], model_version="1.0").answer([Prediction([0.93000000715], [0])])
    assert answer.startswith(b'{"class":0,"class_name":"cat","probability":0.93,"top":[{"class":0,')


def test_tiny_probabilities_and_odd_names_are_still_json() -> None:
    name = 'a "quoted" name\n\u00e9'
    answer = json.loads(AnswerWriter([name], model_version='"').answer([Prediction([1e-6], [0])]))
    assert (answer["class_name"], answer["probability"], answer["model_version"]) == (name, 1e-6, '"')


def test_an_error_has_code_type_and_message() -> None:
    error = MissingImageError("no field came")
    assert json.loads(error_answer(error)) == {"code": 400, "type": "MissingImage", "message": "no field came"}


def test_several_images_of_a_row_are_answered_by_an_array_of_documents() -> None:
    writer = AnswerWriter(["cat", "dog"], model_version="1.0")
    predictions = [Prediction([0.9], [0]), Prediction([0.8], [1])]
    assert json.loads(writer.answer(predictions)) == [json.loads(writer.answer([each])) for each in predictions]


def test_the_tutorials_answer_is_class_and_name_with_blanks() -> None:
    writer = AnswerWriter(["plane", "car"], model_version="1.0")
    assert writer.tutorial_answer([Prediction([0.9, 0.1], [1, 0])]) == b'{"class": 1, "class_name": "car"}'
